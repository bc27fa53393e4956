import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { formatDecimal, parseDecimal } from '../src/decimal.ts'
import { freshStorage } from './fresh-storage.ts'
import { createReference } from './reference.ts'
import type { ReferenceOrder } from './reference.ts'
import { createWorld, startSeconds } from './world.ts'
import type { World } from './world.ts'

const anyOrder: fc.Arbitrary<ReferenceOrder> = fc.record({
  operation: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom('BUY' as const, 'SELL' as const) },
    { weight: 1, arbitrary: fc.constant('HOLD' as const) },
  ),
  issuer: fc.constantFrom('A', 'B', 'a'),
  shares: fc.integer({ min: 0, max: 4 }),
  price: fc.constantFrom(0n, 1n, 250_000n, 33_333_333n, 50_000_000n, 499_999_999n),
  second: fc.constantFrom(-8 * 3600, -6 * 3600, -900, -600, -301, -300, -299, -1, 0, 1),
})
const openingCash = fc.constantFrom(0n, 1n, 100_000_000n, 1_000_000_000n)

test('Any sequence of orders is decided as by the reference, and cash and shares are the sums of the ledger', async (t) => {
  const world = await createWorld(t)
  await fc.assert(
    fc.asyncProperty(openingCash, fc.array(anyOrder, { maxLength: 30 }), async (cash, orders) => {
      const account = await world.open(formatDecimal(cash))
      const reference = createReference(cash)
      for (const order of orders) {
        const before = (await world.get(account)).body
        const response = await world.post(`${account}/orders`, bodyOf(order))
        assert.equal(response.statusCode, 200, response.body)
        const outcome = response.json()
        assert.deepEqual(outcome.business_errors, reference.place(order))
        assert.equal(outcome.current_balance.cash, Number(formatDecimal(reference.cash())))
        if (outcome.business_errors.length > 0) assert.equal((await world.get(account)).body, before)
      }
      await checkBooks(world, account, cash)
    }),
    { numRuns: 60 },
  )
})

test('Any interleaving of orders and batches has the result of a serial execution', async (t) => {
  const world = await createWorld(t)
  const requests = fc.array(fc.oneof(anyOrder, fc.array(anyOrder, { maxLength: 4 })), { maxLength: 24 })
  await fc.assert(
    fc.asyncProperty(openingCash, requests, async (cash, requests) => {
      const account = await world.open(formatDecimal(cash))
      const responses = await Promise.all(
        requests.map((orders) =>
          world.post(`${account}/orders`, Array.isArray(orders) ? orders.map(bodyOf) : bodyOf(orders)),
        ),
      )
      const outcomes = responses.flatMap((response) => response.json())
      assert.equal(outcomes.length, requests.flat().length)
      await checkBooks(world, account, cash, outcomes)
    }),
    { numRuns: 60 },
  )
})

test('The same holds when two processes accept orders of one account', async (t) => {
  const [one, other] = await createTwins(t)
  await fc.assert(
    fc.asyncProperty(openingCash, fc.array(anyOrder, { maxLength: 24 }), async (cash, orders) => {
      const account = await one.open(formatDecimal(cash))
      const responses = await Promise.all(
        orders.map((order, i) => (i % 2 === 0 ? one : other).post(`${account}/orders`, bodyOf(order))),
      )
      await checkBooks(
        other,
        account,
        cash,
        responses.map((response) => response.json()),
      )
    }),
    { numRuns: 30 },
  )
})

test('Of 200 parallel purchases exactly as many are accepted as the cash can pay for', async (t) => {
  const world = await createWorld(t)
  const account = await world.open('1000.5')
  const responses = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      world.order(account, { issuer_name: `issuer-${i}`, total_shares: 1, share_price: '10.01' }),
    ),
  )
  const accepted = responses.filter((response) => response.json().business_errors.length === 0)
  assert.equal(accepted.length, 99)
  for (const { statusCode } of responses) assert.equal(statusCode, 200)
  const { cash, issuers } = (await world.get(account)).json()
  assert.equal(cash, 9.51)
  assert.equal(issuers.length, 99)
  await checkBooks(world, account, 1_000_500_000n)
})

test('Of 200 parallel copies of one order exactly one is accepted, and the others are duplicates', async (t) => {
  const [one, other] = await createTwins(t)
  const account = await one.open()
  const responses = await Promise.all(
    Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? one : other).order(account, { share_price: 1 })),
  )
  const errors = responses.map((response) => String(response.json().business_errors)).sort()
  assert.deepEqual(errors, ['', ...Array.from({ length: 199 }, () => 'DUPLICATED_OPERATION')])
})

test('Parallel requests with the same Idempotency-Key or client_order_id have one effect, through two processes', async (t) => {
  const [one, other] = await createTwins(t)
  const account = await one.open()
  const busy = Array.from({ length: 20 }, (_, i) =>
    one.order(account, { issuer_name: `B${i}`, share_price: 1 }),
  )
  const keyed = Array.from({ length: 20 }, (_, i) =>
    (i % 2 === 0 ? one : other).order(account, {}, { 'idempotency-key': 'k' }),
  )
  const named = Array.from({ length: 20 }, (_, i) =>
    (i % 2 === 0 ? one : other).order(account, { issuer_name: 'NAMED', client_order_id: 'one' }),
  )
  for (const { statusCode } of await Promise.all(keyed)) assert.ok([200, 409].includes(statusCode))
  const bodies = new Set((await Promise.all(named)).map(({ body }) => body))
  assert.equal(bodies.size, 1)
  for (const response of await Promise.all(busy)) assert.deepEqual(response.json().business_errors, [])
  assert.equal((await one.get(account)).json().cash, 1000 - 40 - 100 - 100)
  assert.equal((await one.get(`${account}/orders`)).json().length, 22)
})

test('The failure of one request does not affect those processed with it', async (t) => {
  const world = await createWorld(t)
  const account = await world.open()
  const first = world.order(account, { issuer_name: 'FIRST' })
  const missing = Array.from({ length: 3 }, () => world.order('/accounts/77'))
  const conflict = [{ share_price: 1 }, { share_price: 2 }].map((change) =>
    world.order(account, { ...change, client_order_id: 'same' }),
  )
  const last = world.order(account, { issuer_name: 'LAST' })
  for (const { statusCode } of await Promise.all(missing)) assert.equal(statusCode, 404)
  const statuses = (await Promise.all(conflict)).map(({ statusCode }) => statusCode)
  assert.deepEqual(statuses, [200, 409])
  for (const response of [await first, await last]) assert.deepEqual(response.json().business_errors, [])
})

function bodyOf({ operation, issuer, shares, price, second }: ReferenceOrder) {
  return {
    timestamp: startSeconds + second,
    operation,
    issuer_name: issuer,
    total_shares: shares,
    share_price: formatDecimal(price),
  }
}

/** Two brokerages on one database with separate connections, like two processes. */
async function createTwins(t: TestContext): Promise<[World, World]> {
  const settings = { BROKERAGE_DATABASE_URL: await freshStorage(t) }
  return [await createWorld(t, settings), await createWorld(t, settings)]
}

type Entry = { kind: string; issuer_name?: string; shares: string; amount: string; cash: string }
type ListedOrder = {
  operation: ReferenceOrder['operation']
  issuer_name: string
  total_shares: string
  share_price: string
  timestamp: string
  business_errors: string[]
}
type Outcome = { current_balance: { cash: number }; business_errors: string[] }

/**
 * Asserts that the reference decides the history of an account in the same way, that the ledger sums up to the balance, and that
 * the responses to the clients match the history.
 */
async function checkBooks(
  world: World,
  account: string,
  cash: bigint,
  outcomes?: readonly Outcome[],
): Promise<void> {
  const list = async (url: string) => withTextNumbers((await world.get(`${url}?limit=1000`)).body)
  const history: ListedOrder[] = await list(`${account}/orders`)
  const reference = createReference(cash)
  const balances: [number, string][] = history.map((listed) => {
    const { operation, issuer_name: issuer, total_shares, share_price, timestamp } = listed
    const second = Number(timestamp) - startSeconds
    const order = { operation, issuer, shares: Number(total_shares), price: decimal(share_price), second }
    assert.deepEqual(listed.business_errors, reference.place(order))
    return [Number(formatDecimal(reference.cash())), String(listed.business_errors)]
  })
  if (outcomes !== undefined)
    assert.deepEqual(
      outcomes.map((one) => [one.current_balance.cash, String(one.business_errors)]).sort(),
      balances.sort(),
    )
  const ledger: Entry[] = await list(`${account}/ledger`)
  let sum = 0n
  const shares: Record<string, number> = {}
  for (const entry of ledger) {
    sum += decimal(entry.amount)
    assert.equal(decimal(entry.cash), sum)
    assert.ok(sum >= 0n)
    if (entry.issuer_name === undefined) continue
    shares[entry.issuer_name] = (shares[entry.issuer_name] ?? 0) + Number(entry.shares)
    assert.ok(Number(shares[entry.issuer_name]) >= 0)
  }
  const balance: { cash: string; issuers: { issuer_name: string; total_shares: string }[] } = withTextNumbers(
    (await world.get(account)).body,
  )
  const positions = balance.issuers.map(({ issuer_name, total_shares }) => [
    issuer_name,
    Number(total_shares),
  ])
  assert.equal(decimal(balance.cash), sum)
  assert.equal(sum, reference.cash())
  assert.deepEqual(Object.fromEntries(positions.sort()), reference.shares())
  assert.deepEqual(
    Object.entries(shares)
      .filter(([, count]) => count > 0)
      .sort(),
    positions,
  )
}

/** Parses a response with the numbers as text, so that comparing them rounds nothing. */
function withTextNumbers(body: string) {
  const texts = JSON.parse(body, (_key, value, { source }) => (typeof value === 'number' ? source : value))
  return JSON.parse(JSON.stringify(texts))
}

function decimal(text: string): bigint {
  const value = parseDecimal(text)
  assert.equal(typeof value, 'bigint')
  return BigInt(value)
}
