import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { comparable, createPrincipals, operationsOf } from '@quintet/chassis/testing/principals'
import type { Sender, Sent } from '@quintet/chassis/testing/principals'
import { freshStorage } from './fresh-storage.ts'
import { buy, createWorld } from './world.ts'

type Call = { readonly reads: boolean; request(account: string): Sent }

const namesNothing = 'names no account'

/** Each operation, with a request for one account. */
const operations: Readonly<Record<string, Call | typeof namesNothing>> = {
  hello: namesNothing,
  getMarket: namesNothing,
  openAccount: namesNothing,
  getAccount: { reads: true, request: (account) => ({ path: account }) },
  placeOrders: {
    reads: false,
    request: (account) => ({ method: 'POST', path: `${account}/orders`, body: buy }),
  },
  listAccountOrders: { reads: true, request: (account) => ({ path: `${account}/orders` }) },
  listLedger: { reads: true, request: (account) => ({ path: `${account}/ledger` }) },
}
const calls = Object.entries(operations).filter((entry): entry is [string, Call] => entry[1] !== namesNothing)

/** A brokerage with these senders. */
async function start(t: TestContext, settings: Record<string, string> = {}) {
  const principals = createPrincipals(t, ['accounts:read', 'accounts:write'], 'optional')
  const world = await createWorld(t, { ...principals.settings, ...settings })
  const send = await principals.listen(world.app)

  return {
    ...world,
    send,
    async openAs(sender: Sender): Promise<string> {
      const { status, text } = await send(sender, { method: 'POST', path: '/accounts', body: { cash: 1000 } })
      assert.equal(status, 200)
      return `/accounts/${JSON.parse(text).id}`
    },
  }
}

const missing = '/accounts/4711'

test('The table has every operation', async (t) => {
  const { app } = await start(t)
  assert.deepEqual(await operationsOf(app, 'accounts'), Object.keys(operations).sort())
})

test('The account of another owner is to every request as one that does not exist', async (t) => {
  const { openAs, send } = await start(t)
  const account = await openAs('ada')
  const before = await send('ada', { path: account })
  const variants: readonly (readonly [Record<string, string>, unknown?])[] = [
    [{}],
    [{ 'if-match': '*' }],
    [{ 'if-match': '"1"' }],
    [{ 'if-none-match': '*' }],
    [{ 'if-none-match': '"1"' }],
    [{ 'idempotency-key': 'k' }],
    [{ prefer: 'handling=strict' }],
    [{}, [buy, buy]],
    [{}, {}],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, String(new URLSearchParams(formOf(buy)))],
  ]
  for (const [id, { reads, request }] of calls)
    for (const sender of ['bob', 'nobody', reads ? 'writer' : 'reader'] as const)
      for (const [headers, body] of variants) {
        if (reads && body !== undefined) continue
        const found: unknown[] = []
        for (const path of [account, missing])
          for (const method of reads ? ['GET', 'HEAD'] : ['POST']) {
            const sent = request(path)
            const response = await send(sender, {
              ...sent,
              method,
              headers,
              ...(body !== undefined && { body }),
            })
            assert.ok([400, 404].includes(response.status), `${id} by ${sender}: ${response.status}`)
            found.push({ ...comparable(response), method })
          }
        const half = found.length / 2
        assert.deepEqual(
          JSON.parse(JSON.stringify(found.slice(0, half)).replaceAll(account, 'ACCOUNT')),
          JSON.parse(JSON.stringify(found.slice(half)).replaceAll(missing, 'ACCOUNT')),
          `${id} by ${sender} with ${JSON.stringify(headers)}`,
        )
      }
  assert.deepEqual(comparable(await send('ada', { path: account })), comparable(before))
})

test('The owner reads its account and places orders, and others do by a scope alone', async (t) => {
  const { openAs, send } = await start(t)
  const account = await openAs('ada')
  for (const [sender, reads, changes] of [
    ['ada', true, true],
    ['bob', false, false],
    ['reader', true, false],
    ['writer', false, true],
    ['nobody', false, false],
  ] as const)
    for (const [id, call] of calls) {
      const { status } = await send(sender, call.request(account))
      assert.equal(status, (call.reads ? reads : changes) ? 200 : 404, `${id} by ${sender}`)
    }
  // Orders keep the owner of the account.
  assert.equal((await send('ada', { path: account })).headers.get('etag'), '"2"')
  assert.equal((await send('bob', { path: account })).status, 404)
})

test('An account that nobody owns is for everybody to read, and to change for those alone who may change everything', async (t) => {
  const { openAs, send } = await start(t)
  const account = await openAs('nobody')
  for (const sender of ['ada', 'reader', 'nobody', 'writer'] as const)
    for (const [id, { reads, request }] of calls) {
      const { status } = await send(sender, request(account))
      assert.equal(status, reads || sender === 'writer' ? 200 : 404, `${id} by ${sender}`)
    }
})

test('Two clients with the same Idempotency-Key never get the same response', async (t) => {
  const { send } = await start(t)
  const headers = { 'idempotency-key': 'k' }
  const open = { method: 'POST', path: '/accounts', body: { cash: 1000 }, headers }
  const accounts = new Set<string>()
  for (const sender of ['ada', 'bob', 'nobody', 'ada'] as const)
    accounts.add(JSON.parse((await send(sender, open)).text).id)
  assert.equal(accounts.size, 3)
  const [own] = [...accounts]
  const order = { method: 'POST', path: `/accounts/${own}/orders`, body: buy, headers }
  const placed = await send('ada', order)
  assert.equal(placed.status, 200)
  for (const sender of ['bob', 'nobody', 'reader'] as const)
    assert.equal((await send(sender, order)).status, 404)
  const again = await send('ada', order)
  assert.deepEqual([again.headers.get('idempotency-replayed'), again.text], ['true', placed.text])
})

test('Without authentication owners do not count, and are kept', async (t) => {
  const BROKERAGE_DATABASE_URL = await freshStorage(t)
  const guarded = await start(t, { BROKERAGE_DATABASE_URL })
  const open = await start(t, { BROKERAGE_DATABASE_URL, AUTH: 'none', API_KEYS_FILE: '' })
  const account = await guarded.openAs('ada')
  for (const [id, { request }] of calls)
    assert.equal((await open.send('nobody', request(account))).status, 200, id)
  assert.equal((await guarded.send('ada', { path: account })).status, 200)
  assert.equal((await guarded.send('bob', { path: account })).status, 404)
})

function formOf(order: object): Record<string, string> {
  return Object.fromEntries(Object.entries(order).map(([name, value]) => [name, String(value)]))
}
