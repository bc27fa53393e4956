import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { createClient } from '@redis/client'
import { decimalOf } from '../src/decimal.ts'
import { apply } from '../src/order.ts'
import type { DecidedOrder, Order } from '../src/order.ts'
import { migrateStorage, openStorage } from '../src/storage.ts'
import { freshTable } from './fresh-storage.ts'
import { createWorld, startMs } from './world.ts'
import type { World } from './world.ts'

const server = engineUrl('dynamodb')
const redis = engineUrl('redis')

const buyOrder: Order = {
  operation: 'BUY',
  issuer: '',
  shares: decimalOf(1n),
  price: 1_234_567_891_234n,
  timestampMs: startMs,
  receivedMs: startMs,
  hoursBy: 'order',
  duplicatesBy: 'order',
  isInSequence: false,
}

type Loss = 'request' | 'answer' | undefined

/** A table of its own on the server, at an address through which the test can lose transactions on their way there or back. */
async function createLossyTable(t: TestContext, server: string) {
  const table = await freshTable(t, server)
  const { host } = new URL(table)
  let nextLoss: () => Loss = () => undefined
  const proxy = createServer(async (incoming, outgoing) => {
    const loss = String(incoming.headers['x-amz-target']).endsWith('TransactWriteItems')
      ? nextLoss()
      : undefined
    if (loss === 'request') return incoming.socket.destroy()
    const { method = 'POST', url = '/', headers } = incoming
    const onward = request(`http://${host}${url}`, { method, headers: { ...headers, host } })
    incoming.pipe(onward)
    const [answer] = await once(onward, 'response')
    if (loss === 'answer') return answer.on('end', () => incoming.socket.destroy()).resume()
    outgoing.writeHead(answer.statusCode, answer.headers)
    answer.pipe(outgoing)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const address = proxy.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    url: Object.assign(new URL(table), { host: `127.0.0.1:${port}` }).href,
    lose(pattern: () => Loss) {
      nextLoss = pattern
    },
  }
}

async function checkBooks(world: World, account: string, orders: number): Promise<void> {
  const filed = (await world.get(`${account}/orders?limit=1000`)).json()
  assert.equal(filed.length, orders)
  const ledger: { amount: number }[] = (await world.get(`${account}/ledger?limit=1000`)).json()
  assert.equal(ledger.length, orders + 1)
  const { cash } = (await world.get(account)).json()
  assert.equal(
    ledger.reduce((sum, { amount }) => sum + amount, 0),
    cash,
  )
}

if (server !== undefined) {
  for (const loss of ['request', 'answer'] as const)
    test(`An order whose ${loss} is lost on the way is done once, and answered as if nothing had happened`, async (t) => {
      const table = await createLossyTable(t, server)
      const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
      const account = await world.open()
      let losses = 0
      table.lose(() => (losses++ % 2 === 0 ? loss : undefined))
      for (let i = 0; i < 5; i++) {
        const answer = await world.order(account, { issuer_name: `I${i}`, total_shares: 1, share_price: 1 })
        assert.equal(answer.statusCode, 200)
        assert.deepEqual(answer.json().business_errors, [])
        assert.equal(answer.json().current_balance.cash, 999 - i)
      }
      assert.equal(losses, 10)
      await checkBooks(world, account, 5)
    })

  test('Where no answer comes at all it is 503 and unknown, and the retry under its key has one effect', async (t) => {
    const table = await createLossyTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL: table.url })
    const account = await world.open()
    const place = () => world.order(account, {}, { 'idempotency-key': 'one' })
    table.lose(() => 'answer')
    const lost = await place()
    assert.equal(lost.statusCode, 503)
    assert.match(lost.json().type, /outcome-unknown/)
    table.lose(() => undefined)
    const found = await place()
    assert.equal(found.statusCode, 200)
    assert.equal(found.headers['idempotency-replayed'], 'true')
    await checkBooks(world, account, 1)
  })

  test('While DynamoDB is away or hangs it is 503 with Retry-After; then orders go on, without a restart', async (t) => {
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
    const answers = await Promise.all([world.order(account), world.get(account), world.get('/health/ready')])
    for (const { statusCode, headers } of answers) {
      assert.equal(statusCode, 503)
      assert.ok(headers['retry-after'])
    }
    engine.resume()
    await until(async () => (await world.get('/health/ready')).statusCode === 200)
    const orders = (await world.get(`${account}/orders`)).json().length
    assert.equal((await world.order(account, { issuer_name: 'NEXT' })).statusCode, 200)
    await checkBooks(world, account, orders + 1)

    // The stand-in keeps nothing, so all that can be seen of a restart is that the service needs none.
    await engine.kill()
    assert.equal((await world.get(account)).statusCode, 503)
    await engine.restart()
    await migrateStorage(url, 'up')
    await until(async () => (await world.get('/health/ready')).statusCode === 200)
    assert.equal((await world.post('/accounts', { cash: 1 })).statusCode, 200)
  })

  test('An account that holds as much as it may, in the longest names, takes orders and answers them again', async (t) => {
    const BROKERAGE_DATABASE_URL = await freshTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL })
    const account = await world.open('9000000000000')
    const longest = (n: number) => `${n}`.padEnd(100, '\u4e00\u5104\u842c\u5343')
    const { accounts, close } = await openStorage(BROKERAGE_DATABASE_URL, 'none:')
    const before = await accounts.find(1)
    assert.ok(before)
    let after = before
    const orders = Array.from({ length: 1_000 }, (_, n): DecidedOrder => {
      const order = { ...buyOrder, issuer: longest(n) }
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

  test('Of two who make the table at the same time one does, and the other finds it', async (t) => {
    const url = Object.assign(new URL(server), { pathname: `/test_twice_${process.pid}` }).href
    t.after(() => migrateStorage(url, 'down'))
    const made = await Promise.all([migrateStorage(url, 'up'), migrateStorage(url, 'up')])
    assert.deepEqual(made.flat(), ['0001-create-table'])
    assert.deepEqual(await migrateStorage(url, 'status'), ['0001-create-table applied'])
    assert.deepEqual(await migrateStorage(url, 'up'), [])
  })
}

if (server !== undefined && redis !== undefined) {
  test('A Redis that lies about repetitions changes no outcome', async (t) => {
    const BROKERAGE_DATABASE_URL = await freshTable(t, server)
    const world = await createWorld(t, { BROKERAGE_DATABASE_URL, CACHE_URL: redis })
    const client = await createClient({ url: redis }).connect()
    t.after(() => client.destroy())
    const pattern = `quintet:brokerage:${new URL(BROKERAGE_DATABASE_URL).pathname.slice(1)}:like:*`
    const account = await world.open()
    await world.order(account, { issuer_name: 'OTHER' })
    await until(async () => (await client.keys(pattern)).length > 0)
    for (const lie of ['1', '77', '-1', 'text', '999999999999999'])
      for (const share_price of [1, 2]) {
        assert.equal((await world.order(account, { issuer_name: lie, share_price })).statusCode, 200)
        for (const key of await client.keys(pattern)) await client.set(key, lie)
      }
    const orders: { issuer_name: string; business_errors: string[] }[] = (
      await world.get(`${account}/orders`)
    ).json()
    const repeated = orders.filter(({ business_errors: errors }) => errors.length > 0)
    assert.deepEqual(
      repeated.map(({ issuer_name, business_errors }) => [issuer_name, ...business_errors]),
      ['1', '77', '-1', 'text', '999999999999999'].map((lie) => [lie, 'DUPLICATED_OPERATION']),
    )
  })

  test('Without Redis repetitions are found all the same', async (t) => {
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
