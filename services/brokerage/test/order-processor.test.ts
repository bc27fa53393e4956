import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { createSqlIdempotencyStore, DuplicateRequest } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { AccountStore } from '../src/port.ts'
import { decimalOf } from '../src/decimal.ts'
import { createMarket } from '../src/market.ts'
import type { Order } from '../src/order.ts'
import { createOrderProcessor } from '../src/order-processor.ts'
import type { Outcome } from '../src/order-processor.ts'
import { createSqlAccountStore } from '../src/sql-account-store.ts'
import type { AccountTables } from '../src/sql-account-store.ts'

const buy: Order = {
  operation: 'BUY',
  issuer: 'AAPL',
  shares: decimalOf(1n),
  price: decimalOf(10n),
  timestampMs: 1_000_000,
  receivedMs: 1_000_000,
  hoursBy: 'order',
  duplicatesBy: 'order',
  isInSequence: false,
}

/** A desk over a private database, and how many orders each unit had. */
async function createDesk(t: TestContext, over: (store: AccountStore) => Partial<AccountStore> = () => ({})) {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<AccountTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const store = createSqlAccountStore(database)
  const units: number[] = []
  const watched: AccountStore = {
    ...store,
    ...over(store),
    commitBatch(filing, answers) {
      units.push(filing.orders.length)
      return (over(store).commitBatch ?? store.commitBatch)(filing, answers)
    },
  }
  const market = createMarket({ open: '00:00', close: '00:00', zone: '+00:00', days: 'sun-sat' })
  const desk = createOrderProcessor({ store: watched, market })
  const id = await store.open({ cash: decimalOf(1000n), openedMs: 1_000_000 }, [])
  const place = (orders: Partial<Order>[], records: readonly IdempotencyRecord[] = []) =>
    desk.place(
      id,
      orders.map((order) => ({ ...buy, ...order })),
      (outcomes) => ({ response: outcomes.map(rulesOf), records }),
    )
  return { database, store, desk, id, place, units }
}

function rulesOf(outcome: Outcome): string {
  return outcome === 'conflict' ? outcome : outcome.refusals.map(({ rule }) => rule).join()
}

const taken: IdempotencyRecord = {
  id: 'taken',
  fingerprint: '',
  response: { status: 200, headers: {}, body: '' },
  createdAtMs: 1_000_000,
}

test('Orders that arrive while others of their account are under way share the next unit', async (t) => {
  const { place, units } = await createDesk(t)
  await Promise.all(Array.from({ length: 40 }, (_, i) => place([{ issuer: `issuer-${i}` }])))
  assert.deepEqual(units, [1, 39])
})

test('A unit has 256 orders at most, unless one batch alone has more', async (t) => {
  const { place, units } = await createDesk(t)
  const many = (count: number) => Array.from({ length: count }, () => ({ operation: 'HOLD' }))
  await Promise.all([place(many(1)), place(many(300)), place(many(200)), place(many(56)), place(many(1))])
  assert.deepEqual(units, [1, 300, 256, 1])
})

test('Orders of one unit see each other, as duplicates and in what they leave', async (t) => {
  const { place, units } = await createDesk(t)
  const answers = await Promise.all([
    place([{ issuer: 'FIRST' }]),
    place([{ price: decimalOf(980n) }]),
    place([{}]),
    place([{ issuer: 'OTHER', price: decimalOf(11n) }]),
    place([
      { operation: 'SELL', price: decimalOf(1n) },
      { operation: 'SELL', shares: decimalOf(2n) },
    ]),
  ])
  assert.deepEqual(units, [1, 5])
  assert.deepEqual(answers.flat(), [
    '',
    '',
    'DUPLICATED_OPERATION',
    'INSUFFICIENT_BALANCE',
    '',
    'INSUFFICIENT_STOCKS',
  ])
})

test('A position that is closed and begun again in one unit is kept as it is then', async (t) => {
  const { place, store, id } = await createDesk(t)
  await Promise.all([
    place([{ issuer: 'A' }, { issuer: 'B' }]),
    place([
      { issuer: 'A', operation: 'SELL' },
      { issuer: 'A', shares: decimalOf(3n), price: decimalOf(2n) },
    ]),
    place([{ issuer: 'C' }, { issuer: 'C', operation: 'SELL' }]),
  ])
  const account = await store.find(id)
  assert.deepEqual(
    [...(account?.positions ?? [])],
    [
      ['B', { shares: 1n, price: decimalOf(10n), cost: decimalOf(10n), since: 2 }],
      ['A', { shares: 3n, price: decimalOf(2n), cost: decimalOf(6n), since: 4 }],
    ],
  )
})

test('What refuses one of a unit leaves the others of the unit alone', async (t) => {
  const { place, store, id, units, database } = await createDesk(t)
  await createSqlIdempotencyStore(database).insert(taken)
  const first = place([{ issuer: 'FIRST' }])
  const good = place([{ issuer: 'GOOD' }])
  const bad = place([{ issuer: 'BAD' }], [taken])
  const alsoGood = place([{ issuer: 'ALSO GOOD' }])
  await assert.rejects(bad, DuplicateRequest)
  assert.deepEqual(await Promise.all([first, good, alsoGood]), [[''], [''], ['']])
  assert.deepEqual(units, [1, 3, 1, 1, 1])
  const account = await store.find(id)
  assert.deepEqual([...(account?.positions.keys() ?? [])], ['FIRST', 'GOOD', 'ALSO GOOD'])
})

test('When the account has moved on, its orders are decided again on what it is now', async (t) => {
  let interferences = 3
  const { place, units, store, id } = await createDesk(t, (store) => ({
    async commitBatch(filing, answers) {
      if (interferences-- > 0) {
        const account = await store.find(id)
        assert.ok(account)
        await store.commitBatch(
          {
            before: account,
            after: { ...account, sequence: account.sequence + 1 },
            orders: [filed(account.sequence + 1)],
          },
          [],
        )
      }
      return store.commitBatch(filing, answers)
    },
  }))
  const filed = (sequence: number) => ({
    order: { ...buy, operation: 'HOLD' },
    sequence,
    refusals: [{ rule: 'INVALID_OPERATION' as const, sentences: {} }],
    balance: { cash: 0n, positions: new Map() },
  })
  assert.deepEqual(await place([{}]), [''])
  assert.deepEqual(units, [1, 1, 1, 1])
  const page = { after: 0, limit: 10 }
  assert.deepEqual(
    (await store.listOrders(id, page)).map(({ refusals }) => refusals.length),
    [1, 1, 1, 0],
  )
})

test('An account that never stands still is 503 after a bounded number of attempts', async (t) => {
  const { place, units, store, id } = await createDesk(t, () => ({ commitBatch: async () => false }))
  await assert.rejects(place([{}]), (error) => error instanceof AppError && error.code === 'overloaded')
  assert.equal(units.length, 64)
  assert.equal((await store.find(id))?.cash, decimalOf(1000n))
})

test('A database that fails is told to everybody who waits, changes nothing, and is tried again by the next', async (t) => {
  let isDown = true
  const down = new AppError('dependency_down', 'The database cannot be written.')
  const { place, store, id, units } = await createDesk(t, (store) => ({
    commitBatch: (filing, answers) => (isDown ? Promise.reject(down) : store.commitBatch(filing, answers)),
  }))
  const answers = await Promise.allSettled([place([{}]), place([{ issuer: 'B' }]), place([{ issuer: 'C' }])])
  for (const answer of answers) assert.equal(answer.status === 'rejected' && answer.reason, down)
  assert.deepEqual(units, [1, 2])
  assert.equal((await store.find(id))?.cash, decimalOf(1000n))
  isDown = false
  assert.deepEqual(await place([{}]), [''])
})

test('More than 20000 waiting orders are turned away, and there is room again when they are done', async (t) => {
  const { desk, place } = await createDesk(t)
  const many = Array.from({ length: 20_000 }, () => buy)
  const missing = desk.place(77, many, () => ({ response: undefined, records: [] }))
  await assert.rejects(place([{}]), (error) => error instanceof AppError && error.code === 'overloaded')
  await assert.rejects(missing, (error) => error instanceof AppError && error.code === 'not_found')
  assert.deepEqual(await place([{}]), [''])
})
