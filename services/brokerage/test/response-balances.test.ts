import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createBalanceReader } from '../src/balance-reader.ts'
import { decimalOf } from '../src/decimal.ts'
import { positionsMax } from '../src/order.ts'
import type { Balance } from '../src/order.ts'
import { createRestore } from '../src/response-balances.ts'
import { createTurns } from '../src/turns.ts'
import { buyOrder } from './buy-order.ts'
import { buy, createWorld, startSeconds } from './world.ts'
import type { World } from './world.ts'

const position = { shares: 1n, price: 1n, cost: 1n, since: 1 }
const largeBalance: Balance = {
  cash: 1n,
  positions: new Map(Array.from({ length: positionsMax }, (_, i) => [`issuer-${i}`, position])),
}
/** The numbers of a large balance: its cash, and three of each position. */
const numbersOfBalance = 1 + 3 * positionsMax

/** Counts work by the turn of the event loop in which it is done. */
function countByTurn(t: TestContext) {
  const counts = [0]
  let next = setImmediate(function turn() {
    counts.push(0)
    next = setImmediate(turn)
  })
  t.after(() => clearImmediate(next))
  return {
    counts,
    add() {
      counts.push((counts.pop() ?? 0) + 1)
    },
  }
}

test('Recorded responses are restored one at a time, in turn for each client, a balance in a turn of the event loop', async (t) => {
  let now = 0
  let begun = 0
  let numbers = 0
  const sequences = [1, 2, 3, 4, 5]
  const printed = countByTurn(t)
  const restore = createRestore(
    {
      async findBalances(_, sequences) {
        assert.equal(numbers, begun * sequences.length * numbersOfBalance)
        begun += 1
        return new Map(sequences.map((sequence) => [sequence, largeBalance]))
      },
    },
    createTurns(() => now),
  )
  const print = (notation: string) => {
    printed.add()
    numbers += 1
    now += 0.01
    return notation
  }
  const body = JSON.stringify(sequences.map((current_balance) => ({ current_balance })))
  const clients = ['one', 'two', 'three']
  const order: string[] = []
  const repeat = async (client: string) => {
    const { body: restored } = await restore(
      { status: 200, headers: {}, body },
      { client, accountId: 1, print, isAbandoned: () => false },
    )
    order.push(client)
    const outcomes: { current_balance: { issuers: object[] } }[] = JSON.parse(restored)
    assert.deepEqual(
      outcomes.map(({ current_balance }) => current_balance.issuers.length),
      sequences.map(() => positionsMax),
    )
  }
  await Promise.all(clients.flatMap((client) => Array.from({ length: 4 }, () => repeat(client))))
  const byTurn = printed.counts.filter((count) => count > 0)
  assert.deepEqual(new Set(byTurn), new Set([numbersOfBalance]))
  assert.equal(byTurn.length, clients.length * 4 * sequences.length)
  // The first begins before the others have come.
  assert.deepEqual(order, ['one', ...Array(3).fill(clients).flat(), 'two', 'three'])
})

test('A recorded response whose client has gone is restored no further, and the next in turn is', async () => {
  const sequences = [1, 2, 3]
  const recorded = {
    status: 200,
    headers: {},
    body: JSON.stringify(sequences.map((current_balance) => ({ current_balance }))),
  }
  const gone = new Set<string>()
  const read: string[] = []
  let numbers = 0
  const restore = createRestore(
    {
      async findBalances(accountId) {
        read.push(`${accountId}`)
        return new Map(sequences.map((sequence) => [sequence, largeBalance]))
      },
    },
    createTurns(),
  )
  const repeat = (client: string) =>
    restore(recorded, {
      client,
      accountId: Number(client),
      isAbandoned: () => gone.has(client),
      print(notation) {
        numbers += 1
        if (client === '1') gone.add('1').add('2')
        return notation
      },
    })
  const outcomes = await Promise.allSettled(['1', '2', '3'].map(repeat))
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'restored')),
    ['client_closed_request', 'client_closed_request', 'restored'],
  )
  assert.deepEqual(read, ['1', '3'])
  assert.equal(numbers, (1 + sequences.length) * numbersOfBalance)
})

test('Balances that many read at once share the time of one turn of the event loop, a step each', async (t) => {
  let now = 0
  const steps = countByTurn(t)
  const work = () => {
    steps.add()
    now += 10
  }
  const findBalances = createBalanceReader({
    async findCheckpoint(_, sequence) {
      work()
      return { sequence: sequence - positionsMax, balance: largeBalance }
    },
    async listOrders(_, { after, limit }) {
      work()
      assert.ok(limit <= 250)
      const order = { ...buyOrder, shares: decimalOf(1n), price: 1n }
      return Array.from({ length: limit }, (_, i) => ({ sequence: after + 1 + i, order, refusals: [] }))
    },
  })
  const turns = createTurns(() => now)
  const found = await Promise.all(
    Array.from({ length: 10 }, (_, i) => findBalances(i, [positionsMax + 1], turns)),
  )
  for (const balances of found)
    assert.equal(balances.get(positionsMax + 1)?.positions.get(buyOrder.issuer)?.shares, BigInt(positionsMax))
  assert.deepEqual(new Set(steps.counts.filter((count) => count > 0)), new Set([1]))
  assert.equal(steps.counts.filter((count) => count > 0).length, 10 * 5)
})

/** As many orders as fit into a response of an account with the maximum of positions. */
const ordersMax = 20

async function openLarge(world: World): Promise<string> {
  const account = await world.open(1_000_000)
  for (let from = 0; from < positionsMax; from += ordersMax) {
    const orders = Array.from({ length: ordersMax }, (_, i) => orderOf(from + i, 1))
    assert.equal((await world.post(`${account}/orders`, orders)).statusCode, 200)
  }
  return account
}

const orderOf = (n: number, total_shares: number) => ({
  ...buy,
  timestamp: startSeconds - 1_000,
  issuer_name: `issuer ${n}`,
  share_price: 1,
  total_shares,
})

test('The event loop has a turn for each large balance in all responses to new and repeated batches, by either key', async (t) => {
  const world = await createWorld(t)
  const account = await openLarge(world)
  const keys = ['key 1', 'key 2', 'key 3']
  const batchOf = (key: string, b: number) =>
    Array.from({ length: ordersMax }, (_, i) => ({ ...orderOf(i, 10 + b), client_order_id: `${key} ${i}` }))
  const { counts } = countByTurn(t)
  /** Sends the batch of each key at once, and resolves to the bodies and how many turns that has taken for each balance. */
  async function place(headersOf: (key: string) => object) {
    const before = counts.length
    const responses = await Promise.all(
      keys.map((key, b) => world.post(`${account}/orders`, batchOf(key, b), headersOf(key))),
    )
    const turns = (counts.length - before) / (keys.length * ordersMax)
    return { bodies: responses.map(({ body }) => body), turns }
  }
  const first = await place((key) => ({ 'idempotency-key': key }))
  assert.ok(first.bodies.every((body) => body.split('"share_price"').length > ordersMax * positionsMax))
  const byKey = await place((key) => ({ 'idempotency-key': key }))
  const byClientOrderId = await place(() => ({}))
  assert.deepEqual(byKey.bodies, first.bodies)
  assert.deepEqual(byClientOrderId.bodies, first.bodies)
  assert.ok(first.turns >= 1, String(first.turns))
  assert.ok(byKey.turns >= 1, String(byKey.turns))
  // One to read it, one to print it.
  assert.ok(byClientOrderId.turns >= 2, String(byClientOrderId.turns))
})
