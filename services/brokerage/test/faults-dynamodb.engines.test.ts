import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { createRecording } from '@quintet/chassis/testing/recording'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { createClient } from '@redis/client'
import { decimalOf } from '../src/decimal.ts'
import { openDynamodbConnection } from '../src/dynamodb/connection.ts'
import { apply } from '../src/order.ts'
import type { DecidedOrder } from '../src/order.ts'
import { migrateStorage, openStorage } from '../src/storage.ts'
import { buyOrder } from './buy-order.ts'
import { freshTable } from './fresh-storage.ts'
import { createWorld, startMs } from './world.ts'
import type { World } from './world.ts'

const server = engineUrl('dynamodb')
const redis = engineUrl('redis')

/** What is lost of a request and its response, or what arrives in place of the response. */
type Loss = 'request' | 'response' | 'end of the response' | { status: number; body: string } | undefined

/** A private table behind a proxy between the client and DynamoDB, which can fail. */
async function createLossyTable(t: TestContext, server: string) {
  const direct = await freshTable(t, server)
  const { host } = new URL(direct)
  let lossOf: (operation: string) => Loss = () => undefined
  let afterwards: () => Promise<unknown> = async () => {}
  const lost: { headers: IncomingHttpHeaders; body: Buffer }[] = []

  async function send({ headers, body }: { headers: IncomingHttpHeaders; body: Buffer }) {
    const forwarded = request(`http://${host}`, { method: 'POST', headers: { ...headers, host } })
    forwarded.end(body)
    const [response]: IncomingMessage[] = await once(forwarded, 'response')
    assert.ok(response)
    return { status: response.statusCode ?? 0, headers: response.headers, content: await buffer(response) }
  }

  const proxy = createServer(async (incoming, outgoing) => {
    const { headers, socket } = incoming
    const loss = lossOf(String(headers['x-amz-target']).replace(/.*\./, ''))
    const sent = { headers, body: await buffer(incoming) }
    if (loss === 'request') lost.push(sent)
    const received = loss === 'request' ? undefined : await send(sent)
    if (loss !== undefined) await afterwards()
    if (received === undefined || loss === 'response') return socket.destroy()
    if (typeof loss === 'object') return outgoing.writeHead(loss.status).end(loss.body)
    outgoing.writeHead(received.status, received.headers)
    if (loss === undefined) return outgoing.end(received.content)
    outgoing.write(received.content.subarray(0, -1), () => socket.destroy())
  })
  const port = await listenOn(t, proxy)
  return {
    direct,
    url: Object.assign(new URL(direct), { host: `127.0.0.1:${port}` }).href,
    /** `then` is done after a loss, and before the client has noticed it. */
    lose(pattern: (operation: string) => Loss, then = async (): Promise<unknown> => undefined) {
      lossOf = pattern
      afterwards = then
    },
    /** Delivers the requests that were lost; resolves to the statuses of the responses. */
    deliver: () => Promise.all(lost.map(async (one) => (await send(one)).status)),
  }
}

/** Loses something of the first of the transactions only. */
function firstTransaction(loss: Loss): (operation: string) => Loss {
  let count = 0
  return (operation) => (operation === 'TransactWriteItems' && count++ === 0 ? loss : undefined)
}

/** What may arrive in place of a response though the transaction was committed. */
const ambiguousResponses: readonly (readonly [string, Exclude<Loss, undefined>])[] = [
  ['of which the request is lost', 'request'],
  ['of which the response is lost', 'response'],
  ['of which the end of the response is lost', 'end of the response'],
  [
    'that gets an internal error',
    { status: 500, body: '{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}' },
  ],
  [
    'that gets another error of the server',
    { status: 503, body: '{"__type":"com.amazonaws.dynamodb.v20120810#ServiceUnavailable"}' },
  ],
  ['that gets the response of a gateway in between', { status: 502, body: '<html>Bad Gateway</html>' }],
  ['that gets what is not a response of DynamoDB', { status: 200, body: '<html>Log in</html>' }],
]

async function checkBooks(world: World, account: string, orders: number): Promise<void> {
  const listed = (await world.get(`${account}/orders?limit=1000`)).json()
  assert.equal(listed.length, orders)
  const ledger: { amount: number }[] = (await world.get(`${account}/ledger?limit=1000`)).json()
  assert.equal(ledger.length, orders + 1)
  const { cash } = (await world.get(account)).json()
  assert.equal(
    ledger.reduce((sum, { amount }) => sum + amount, 0),
    cash,
  )
}

if (server !== undefined) {
  test('dynamodb: what a recorded request reads and writes is in its trace, without values', async (t) => {
    const connection = openDynamodbConnection(await freshTable(t, server))
    t.after(connection.close)
    const key = { pk: { S: 'secret' }, sk: { S: 'secret' } }
    const spans = await createRecording().spansOf(async () => {
      await connection.putAll([key])
      assert.deepEqual(await connection.get({ pk: 'secret', sk: 'secret' }), key)
    })
    assert.deepEqual(
      spans.map(({ name, kind, attributes }) => [name, kind, attributes]),
      ['BatchWriteItem', 'GetItem'].map((name) => [
        name,
        'client',
        { 'db.system.name': 'aws.dynamodb', 'db.query.summary': name },
      ]),
    )
  })

  for (const [what, loss] of ambiguousResponses)
    test(`A transaction ${what} takes effect once, and its orders succeed`, async (t) => {
      const table = await createLossyTable(t, server)
      const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
      const account = await world.open()
      let transactions = 0
      table.lose((operation) =>
        operation === 'TransactWriteItems' && transactions++ % 2 === 0 ? loss : undefined,
      )
      for (let i = 0; i < 2; i++) {
        // The second and the third share a unit.
        const orders = ['A', 'B', 'C'].map((name) =>
          world.order(account, { issuer_name: `${name}${i}`, total_shares: 1, share_price: 1 }),
        )
        const cash = []
        for (const response of await Promise.all(orders)) {
          assert.equal(response.statusCode, 200, response.body)
          assert.deepEqual(response.json().business_errors, [])
          cash.push(response.json().current_balance.cash)
        }
        assert.deepEqual(cash, [999 - 3 * i, 998 - 3 * i, 997 - 3 * i])
      }
      assert.equal(transactions, 8)
      await checkBooks(world, account, 6)
    })

  test('An account whose opening was not confirmed is opened once, though another process has changed it since', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const other = await createWorld(t, { BROKERAGE_DATABASE_URL: table.direct })
    table.lose(firstTransaction('response'), () => other.order('/accounts/1'))
    assert.equal(await world.open(), '/accounts/1')
    await checkBooks(world, '/accounts/1', 1)
  })

  test('An order that was not confirmed has the outcome that is stored, though another process has placed one since', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const other = await createWorld(t, { BROKERAGE_DATABASE_URL: table.direct })
    const account = await world.open()
    table.lose(firstTransaction('response'), () => other.order(account, { issuer_name: 'OTHER' }))
    const response = await world.order(account)
    assert.deepEqual(response.json().business_errors, [])
    assert.equal(response.json().current_balance.cash, 900)
    await checkBooks(world, account, 2)
  })

  test('A transaction that the network delays has no effect once its orders are decided again', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const other = await createWorld(t, { BROKERAGE_DATABASE_URL: table.direct })
    const account = await world.open()
    table.lose(firstTransaction('request'), () => other.order(account, { issuer_name: 'OTHER' }))
    const response = await world.order(account)
    assert.deepEqual(response.json().business_errors, [])
    assert.equal(response.json().current_balance.cash, 800)
    assert.deepEqual(await table.deliver(), [400])
    await checkBooks(world, account, 2)
  })

  test('A refusal whose recording was not confirmed is recorded once', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const place = () => world.order('/accounts/77', {}, { 'idempotency-key': 'one' })
    table.lose(firstTransaction('response'))
    const refused = await place()
    assert.equal(refused.statusCode, 404)
    assert.equal(refused.headers['idempotency-replayed'], undefined)
    assert.equal((await place()).body, refused.body)
  })

  test('A read of which the end of the response is lost is 503 with Retry-After', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const account = await world.open()
    table.lose((operation) => (operation === 'GetItem' ? 'end of the response' : undefined))
    const cut = await world.get(account)
    assert.equal(cut.statusCode, 503)
    assert.ok(cut.headers['retry-after'])
    table.lose(() => undefined)
    assert.equal((await world.get(account)).statusCode, 200)
  })

  test('Without any response the status is 503 with an unknown outcome, and a retry with the same key has one effect', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const account = await world.open()
    const place = () => world.order(account, {}, { 'idempotency-key': 'one' })
    table.lose((operation) => (operation === 'TransactWriteItems' ? 'response' : undefined))
    const lost = await place()
    assert.equal(lost.statusCode, 503)
    assert.match(lost.json().type, /outcome-unknown/)
    table.lose(() => undefined)
    const retried = await place()
    assert.equal(retried.statusCode, 200)
    assert.equal(retried.headers['idempotency-replayed'], 'true')
    await checkBooks(world, account, 1)
  })

  test('While DynamoDB is down or hangs the status is 503 with Retry-After; afterwards orders succeed without a restart', async (t) => {
    const engine = await startPrivateEngine('dynamodb')
    t.after(() => engine.dispose())
    const url = Object.assign(new URL(engine.url), { pathname: '/accounts' }).href
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: url })
    const early = await world.post('/accounts', { cash: 1 })
    assert.equal(early.statusCode, 503)
    assert.match(early.json().detail, /run quintet migrate up/)
    assert.deepEqual(await migrateStorage(url, 'up'), ['0001-create-table'])
    const account = await world.open()

    engine.pause()
    const responses = await Promise.all([
      world.order(account),
      world.get(account),
      world.get('/health/ready'),
    ])
    for (const { statusCode, headers } of responses) {
      assert.equal(statusCode, 503)
      assert.ok(headers['retry-after'])
    }
    engine.resume()
    await until(async () => (await world.get('/health/ready')).statusCode === 200)
    const orders = (await world.get(`${account}/orders`)).json().length
    assert.equal((await world.order(account, { issuer_name: 'NEXT' })).statusCode, 200)
    await checkBooks(world, account, orders + 1)

    // The stand-in loses its data on a restart, so this only shows that the service needs no restart.
    await engine.kill()
    assert.equal((await world.get(account)).statusCode, 503)
    await engine.restart()
    await migrateStorage(url, 'up')
    await until(async () => (await world.get('/health/ready')).statusCode === 200)
    assert.equal((await world.post('/accounts', { cash: 1 })).statusCode, 200)
  })

  test('An account with the maximum of positions and the longest names accepts orders and replays their outcomes', async (t) => {
    const BROKERAGE_DATABASE_URL = await freshTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL })
    const account = await world.open('9000000000000')
    const longest = (n: number) => `${n}`.padEnd(100, '\u4e00\u5104\u842c\u5343')
    const { accounts, close } = await openStorage(BROKERAGE_DATABASE_URL, 'none:')
    const before = await accounts.find(1)
    assert.ok(before)
    let after = before
    const orders = Array.from({ length: 1_000 }, (_, n): DecidedOrder => {
      const order = {
        ...buyOrder,
        issuer: longest(n),
        shares: decimalOf(1n),
        price: 1_234_567_891_234n,
        timestampMs: startMs,
        receivedMs: startMs,
      }
      after = apply({ ...after, sequence: n + 1 }, order)
      return { order, sequence: n + 1, refusals: [], balance: after }
    })
    assert.ok(await accounts.commitBatch({ before, after, orders }, []))
    await close()

    const named = { issuer_name: longest(7), client_order_id: 'one', share_price: '1234567.891234' }
    const first = await world.order(account, named, { 'idempotency-key': 'key' })
    assert.deepEqual(first.json().business_errors, [])
    assert.equal(first.json().current_balance.issuers.length, 1_000)
    assert.equal((await world.order(account, named, { 'idempotency-key': 'key' })).body, first.body)
    assert.equal((await world.order(account, named)).body, first.body)
  })

  test('Of two processes that create the table concurrently one creates it, and the other finds it', async () => {
    const url = Object.assign(new URL(server), { pathname: `/test_twice_${process.pid}` }).href
    const applied = await Promise.all([migrateStorage(url, 'up'), migrateStorage(url, 'up')])
    assert.deepEqual(applied.flat(), ['0001-create-table'])
    assert.deepEqual(await migrateStorage(url, 'status'), ['0001-create-table applied'])
    assert.deepEqual(await migrateStorage(url, 'up'), [])
    assert.deepEqual(await migrateStorage(url, 'down'), ['0001-create-table'])
  })

  test('Reverting the migration of a table that does not exist names it', async () => {
    const url = Object.assign(new URL(server), { pathname: `/test_absent_${process.pid}` }).href
    await assert.rejects(migrateStorage(url, 'down'), {
      code: 'conflict',
      message: `The table test_absent_${process.pid} does not exist, so there is nothing to revert.`,
    })
  })
}

if (server !== undefined && redis !== undefined) {
  test('Wrong hints in Redis change no outcome', async (t) => {
    const BROKERAGE_DATABASE_URL = await freshTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL, CACHE_URL: redis })
    const client = await createClient({ url: redis }).connect()
    t.after(() => client.destroy())
    const pattern = `quintet:brokerage:${new URL(BROKERAGE_DATABASE_URL).pathname.slice(1)}:like:*`
    const account = await world.open()
    await world.order(account, { issuer_name: 'OTHER' })
    await until(async () => (await client.keys(pattern)).length > 0)
    for (const hint of ['1', '77', '-1', 'text', '999999999999999'])
      for (const share_price of [1, 2]) {
        assert.equal((await world.order(account, { issuer_name: hint, share_price })).statusCode, 200)
        for (const key of await client.keys(pattern)) await client.set(key, hint)
      }
    const orders: { issuer_name: string; business_errors: string[] }[] = (
      await world.get(`${account}/orders`)
    ).json()
    const refused = orders.filter(({ business_errors: errors }) => errors.length > 0)
    assert.deepEqual(
      refused.map(({ issuer_name, business_errors }) => [issuer_name, ...business_errors]),
      ['1', '77', '-1', 'text', '999999999999999'].map((hint) => [hint, 'DUPLICATED_OPERATION']),
    )
  })

  test('Duplicates are found while Redis is down', async (t) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    const BROKERAGE_DATABASE_URL = await freshTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL, CACHE_URL: engine.url })
    const account = await world.open()
    const rules = async () => (await world.order(account)).json().business_errors
    assert.deepEqual(await rules(), [])
    await engine.kill()
    assert.deepEqual(await rules(), ['DUPLICATED_OPERATION'])
    await engine.restart()
    assert.deepEqual(await rules(), ['DUPLICATED_OPERATION'])
    assert.equal((await world.get('/health/ready')).statusCode, 200)
  })
}
