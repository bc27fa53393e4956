import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { freshStorage } from './fresh-storage.ts'
import { buy, createWorld, startSeconds } from './world.ts'
import type { World } from './world.ts'

type Sent = { orders: object | object[]; headers: Record<string, string>; isForm?: boolean }
type Response = Awaited<ReturnType<World['post']>>

/** Integers below a bound, always the same ones. */
function createRandom() {
  let state = 7
  return (bound: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % bound
  }
}

const place = (world: World, account: string, { orders, headers, isForm }: Sent) =>
  isForm === true
    ? world.form(`${account}/orders`, Object.fromEntries(Object.entries(orders)), headers)
    : world.post(`${account}/orders`, orders, headers)

/** What a repetition has in common with the first response. */
const contentOf = ({ statusCode, body, headers }: Response) => ({
  statusCode,
  body,
  type: headers['content-type'],
  applied: headers['preference-applied'],
})

test('A repetition gets the bytes of the first response, in every format, whatever was bought, sold and refused since', async (t) => {
  const world = await createWorld(t)
  const account = await world.open(1_000_000)
  const random = createRandom()
  let time = 0
  const orderOf = (n: number, name?: string) => ({
    // Some are late, some are duplicates, and some sell what the account has not.
    timestamp: startSeconds - 9_000 + (random(9) === 0 ? time : ++time),
    operation: random(5) < 3 ? 'BUY' : 'sell',
    issuer_name: random(40) === 0 ? '"current_balance":1,"' : `issuer ${random(n < 45 ? 45 : 3)}`,
    total_shares: 1 + random(3),
    share_price: `${1 + random(50)}.${random(1_000_000)}`,
    ...(name !== undefined && { client_order_id: name }),
  })
  const sent: [Sent, Response][] = []
  for (let n = 0; n < 110; n += 1) {
    world.clock.set(world.clock.now() + 60_000)
    const headers: Record<string, string> = {}
    if (n % 3 > 0) headers['idempotency-key'] = `key ${n}`
    if (n % 7 === 0) headers.prefer = 'handling=strict'
    const name = n % 2 === 0 || n % 3 === 0 ? `name ${n}` : undefined
    const one: Sent =
      n % 5 === 4
        ? { orders: Array.from({ length: 3 }, (_, i) => orderOf(n, name && `${name} ${i}`)), headers }
        : { orders: orderOf(n, name), headers, isForm: n % 5 === 3 }
    sent.push([one, await place(world, account, one)])
    if (n % 10 === 0) await place(world, account, { orders: orderOf(n), headers: {} })
  }
  const statuses = new Set(sent.map(([, { statusCode }]) => statusCode))
  for (const status of [200, 403, 422]) assert.ok(statuses.has(status), [...statuses].join())
  let balances = 0
  for (const [one, first] of sent) {
    const again = await place(world, account, one)
    const isRecorded = first.statusCode !== 400 && 'idempotency-key' in one.headers
    if (isRecorded) assert.equal(again.headers['idempotency-replayed'], 'true')
    // Of a refusal whose document has the id of the request, only the same request gets the same bytes.
    if (isRecorded || !first.body.includes('instance')) assert.deepEqual(contentOf(again), contentOf(first))
    balances += again.body.split('"current_balance":{').length - 1
  }
  assert.ok(balances > 70, String(balances))
})

test('A batch that is repeated gets the balances after each of its orders, also those of earlier orders in it', async (t) => {
  const world = await createWorld(t)
  const account = await world.open(1_000_000)
  const order = (n: number, share_price: number) => ({
    ...buy,
    timestamp: startSeconds - n,
    issuer_name: `issuer ${n % 7}`,
    share_price,
    client_order_id: `order ${n}`,
  })
  const batch = Array.from({ length: 60 }, (_, n) => order(n, n + 1))
  await world.post(`${account}/orders`, batch.slice(0, 20))
  for (let n = 200; n < 240; n += 1) await world.post(`${account}/orders`, order(n, 3))
  const post = () => world.post(`${account}/orders`, batch, { 'idempotency-key': 'batch' })
  const first = await post()
  await world.post(`${account}/orders`, { ...order(400, 5), operation: 'SELL' })
  const again = await post()
  assert.equal(first.statusCode, 200)
  assert.equal(again.body, first.body)
  const named = await world.post(`${account}/orders`, batch)
  assert.equal(named.body, first.body)
})

/** Issuers with names that are as long as they may be. */
const longNames = Array.from({ length: 1_000 }, (_, n) => String(n).padEnd(100, 'x'))

/** The path of an account with a position of each of these issuers, opened by orders without keys. */
async function openLarge(world: World, issuers: readonly string[]): Promise<string> {
  const account = await world.open(1_000_000)
  for (let from = 0; from < issuers.length; from += 20) {
    const orders = issuers
      .slice(from, from + 20)
      .map((issuer_name) => ({ ...buy, issuer_name, share_price: 1 }))
    assert.equal((await world.post(`${account}/orders`, orders)).statusCode, 200)
  }
  return account
}

if (process.env.TEST_DATABASE === undefined) {
  for (const [what, issuers, orders] of [
    ['one position', longNames.slice(0, 1), 300],
    ['30 positions', longNames.slice(0, 30), 300],
    ['1000 positions', longNames, 80],
  ] as const)
    test(`An order with both keys adds a bounded number of bytes to an account of ${what}, accepted or refused`, async (t) => {
      const url = await freshStorage(t)
      const world = await createWorld(t, { BROKERAGE_DATABASE_URL: url })
      const account = await openLarge(world, issuers)
      // The first order with a key stores the balance once.
      await world.order(account, { issuer_name: longNames[0], client_order_id: 'first' })
      const before = sizeOf(url)
      let bytesSent = 0
      let bytesReceived = 0
      for (let n = 0; n < orders; n += 1) {
        const order = {
          ...buy,
          timestamp: startSeconds - n * 10,
          operation: n % 4 === 0 ? 'SELL' : 'BUY',
          issuer_name: longNames[0],
          total_shares: n % 3 === 0 ? 10_000_000 : 1,
          client_order_id: `order ${n}`,
        }
        bytesSent += JSON.stringify(order).length
        const response = await world.order(account, order, { 'idempotency-key': `key ${n}` })
        assert.equal(response.statusCode, 200)
        bytesReceived += response.body.length
      }
      const stored = (sizeOf(url) - before) / orders
      assert.ok(stored < 1_500, `${stored} bytes for each order of ${bytesSent / orders}`)
      if (issuers.length === 1_000) assert.ok(bytesReceived / orders > 100_000)
    })

  test('A response that an earlier version recorded is sent as it is, also where a name in it looks like a recorded balance', async (t) => {
    const url = await freshStorage(t)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: url })
    const account = await world.open(1_000)
    const send = () => world.order(account, {}, { 'idempotency-key': 'key' })
    await send()
    const name = '"current_balance":1'
    const position = { issuer_name: name, total_shares: 1, share_price: 1, average_cost: 1 }
    const body = JSON.stringify({
      current_balance: { cash: 1, issuers: [position] },
      business_errors: [],
    })
    const database = new DatabaseSync(pathOf(url))
    database.prepare('update idempotency set body = ?').run(body)
    database.close()
    assert.equal((await send()).body, body)
  })
}

const pathOf = (url: string) => url.slice('sqlite:'.length)

function sizeOf(url: string): number {
  const database = new DatabaseSync(pathOf(url))
  const { bytes } = {
    bytes: 0,
    ...database.prepare('select sum(pgsize - unused) as bytes from dbstat').get(),
  }
  database.close()
  return Number(bytes)
}
