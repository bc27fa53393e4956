import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { decimalMax, decimalOf } from '../src/decimal.ts'
import type { Outcome } from '../src/decisions.ts'
import { createMarket } from '../src/market.ts'
import { apply, positionsMax } from '../src/order.ts'
import type { Account, DecidedOrder, Order } from '../src/order.ts'
import { createOrderProcessor } from '../src/order-processor.ts'
import { createTurns } from '../src/turns.ts'
import type { AccountStore } from '../src/port.ts'
import { openStorage } from '../src/storage.ts'
import { buyOrder } from './buy-order.ts'
import { freshStorage } from './fresh-storage.ts'

const buy = { ...buyOrder, shares: decimalOf(1n), price: 1n }
/** How many outcomes of an account with the maximum of positions fit into a response. */
const outcomesMax = 20

/** An account with the maximum of positions on private storage, and the log of the work that is done for its orders. */
async function createLargeAccount(t: TestContext) {
  const storage = await openStorage(await freshStorage(t), 'none:')
  t.after(() => storage.close())
  const id = await openLargeAccount(storage.accounts)
  const log: ('balance' | 'decision' | 'response' | 'unit' | 'turn')[] = []
  const store: AccountStore = {
    ...storage.accounts,
    findBalances(...query) {
      log.push('balance')
      return storage.accounts.findBalances(...query)
    },
    loadContext(account, orders) {
      log.push('unit')
      return storage.accounts.loadContext(account, orders)
    },
  }
  const always = createMarket({ open: '00:00', close: '00:00', zone: '+00:00', days: 'sun-sat' })
  const market = {
    ...always,
    isOpen(ms: number) {
      log.push('decision')
      return always.isOpen(ms)
    },
  }
  const processor = createOrderProcessor({ store, market })
  return {
    log,
    count: (event: (typeof log)[number]) => log.filter((one) => one === event).length,
    place: (orders: readonly Partial<Order>[]) =>
      processor.place(
        id,
        orders.map((order) => ({ ...buy, ...order })),
        (outcomes) => {
          log.push('response')
          return { response: outcomes, records: [] }
        },
      ),
    /** Adds each turn of the event loop to the log, until the test ends. */
    logTurns() {
      let next = setImmediate(function turn() {
        log.push('turn')
        next = setImmediate(turn)
      })
      t.after(() => clearImmediate(next))
    },
  }
}

async function openLargeAccount(accounts: AccountStore): Promise<number> {
  const before = await accounts.find(
    await accounts.open({ cash: decimalMax / 2n, owner: null, openedMs: 1_000_000 }, []),
  )
  assert.ok(before)
  let after: Account = before
  const orders = Array.from({ length: positionsMax }, (_, i): DecidedOrder => {
    const order = { ...buy, issuer: `issuer-${i}` }
    after = apply({ ...after, sequence: after.sequence + 1 }, order)
    return { order, sequence: after.sequence, refusals: [], balance: after }
  })
  assert.ok(await accounts.commitBatch({ before, after, orders }, []))
  return before.id
}

/** Different orders of the account, each of which may be accepted. */
function ordersOf(count: number, change: Partial<Order> = {}): Partial<Order>[] {
  return Array.from({ length: count }, (_, i) => ({
    issuer: `issuer-${i}`,
    shares: decimalOf(7n),
    ...change,
  }))
}

const named = (orders: readonly Partial<Order>[]) =>
  orders.map((order, i) => ({ ...order, clientOrderId: `order-${i}` }))

const isTooLarge = (error: unknown) => error instanceof AppError && error.code === 'body_too_large'

test('A balance is read once for all orders of a batch that repeat its client_order_id', async (t) => {
  const { place, count } = await createLargeAccount(t)
  const one = { ...buy, shares: decimalOf(2n), issuer: 'issuer-1', clientOrderId: 'one' }
  const [first] = await place([one])
  const again = await place(Array.from({ length: outcomesMax }, () => one))
  assert.equal(again.length, outcomesMax)
  for (const outcome of again) assert.deepEqual(balanceOf(outcome), balanceOf(first))
  assert.equal(count('balance'), 1)
  await assert.rejects(place(Array.from({ length: 1_000 }, () => one)), isTooLarge)
  assert.equal(count('balance'), 2)
})

test('Of the balances that a batch repeats no more are read than fit into a response', async (t) => {
  const { place, count } = await createLargeAccount(t)
  const orders = named(ordersOf(30))
  for (const order of orders) await place([order])
  await assert.rejects(place(orders), isTooLarge)
  assert.equal(count('balance'), outcomesMax + 1)
})

test('No balance is read for an order that conflicts with the first of its client_order_id', async (t) => {
  const { place, count } = await createLargeAccount(t)
  const orders = named(ordersOf(30))
  for (const order of orders) await place([order])
  const others = orders.map((order) => ({ ...order, price: 2n }))
  assert.deepEqual(new Set(await place(others)), new Set(['conflict']))
  assert.equal(count('balance'), 0)
})

for (const [what, change] of [
  ['acceptable', {}],
  ['to be refused', { operation: 'SELL', shares: decimalMax }],
] as const)
  test(`A batch of 1000 orders that are ${what} is refused at the first that does not fit into the response`, async (t) => {
    const { place, count } = await createLargeAccount(t)
    await assert.rejects(place(ordersOf(1_000, change)), isTooLarge)
    assert.equal(count('decision'), outcomesMax + 1)
    assert.equal(count('response'), 0)
    assert.equal((await place(ordersOf(outcomesMax, change))).length, outcomesMax)
  })

test('Orders of an account with many positions share smaller units, whose responses are made over several turns', async (t) => {
  const { place, log, logTurns } = await createLargeAccount(t)
  logTurns()
  await Promise.all(ordersOf(60).map((order) => place([order])))
  const units = log.join(' ').split('unit').slice(1)
  assert.deepEqual(
    units.map((unit) => unit.split('decision').length - 1),
    [1, 20, 20, 19],
  )
  for (const unit of units)
    for (const turn of unit.split('turn')) assert.ok(turn.split('response').length - 1 <= 1, unit)
})

test('The event loop has a turn after each unit and each balance, also where nothing is written', async (t) => {
  const { place, log, logTurns } = await createLargeAccount(t)
  const orders = named(ordersOf(10))
  for (const order of orders) await place([order])
  log.length = 0
  logTurns()
  const refused = ordersOf(outcomesMax + 1)
  await Promise.allSettled([...orders.map((order) => place([order])), ...[1, 2, 3].map(() => place(refused))])
  const work = log.filter((one) => one === 'unit' || one === 'balance').length
  assert.ok(work > 10)
  for (const turn of log.join(' ').split('turn')) {
    assert.ok(turn.split('unit').length <= 2, turn)
    assert.ok(turn.split('balance').length <= 2, turn)
  }
})

test('All accounts together have the time of one turn of the event loop, however many repeat orders at once', async (t) => {
  const storage = await openStorage(await freshStorage(t), 'none:')
  t.after(() => storage.close())
  let now = 0
  const log: ('balance' | 'turn')[] = []
  const store: AccountStore = {
    ...storage.accounts,
    async findBalances(...query) {
      log.push('balance')
      now += 10
      return storage.accounts.findBalances(...query)
    },
  }
  const market = createMarket({ open: '00:00', close: '00:00', zone: '+00:00', days: 'sun-sat' })
  const processor = createOrderProcessor({ store, market, turns: createTurns(() => now) })
  const place = (id: number) =>
    processor.place(
      id,
      [
        { ...buy, clientOrderId: 'one' },
        { ...buy, clientOrderId: 'two' },
      ],
      () => ({ response: id, records: [] }),
    )
  const ids = await Promise.all(
    Array.from({ length: 20 }, () =>
      store.open({ cash: decimalOf(1000n), owner: null, openedMs: 1_000_000 }, []),
    ),
  )
  await Promise.all(ids.map(place))
  let next = setImmediate(function turn() {
    log.push('turn')
    next = setImmediate(turn)
  })
  t.after(() => clearImmediate(next))
  log.length = 0
  await Promise.all(ids.map(place))
  const perTurn = log
    .join(' ')
    .split('turn')
    .map((turn) => turn.split('balance').length - 1)
  assert.deepEqual(
    perTurn.filter((count) => count > 1),
    [],
  )
  assert.equal(
    perTurn.reduce((sum, count) => sum + count),
    40,
  )
})

function balanceOf(outcome: Outcome | undefined) {
  assert.ok(outcome !== undefined && outcome !== 'conflict')
  return { cash: outcome.balance.cash, positions: [...outcome.balance.positions] }
}
