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
import type { Outcome } from '../src/decisions.ts'
import { createSqlAccountStore } from '../src/sql-account-store.ts'
import type { AccountTables } from '../src/sql-account-statements.ts'
import { buyOrder } from './buy-order.ts'

const buy = { ...buyOrder, shares: decimalOf(1n), price: decimalOf(10n) }

/** An order processor on a private database, and the number of orders in each unit. */
async function createProcessor(
  t: TestContext,
  overridesOf: (store: AccountStore) => Partial<AccountStore> = () => ({}),
) {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<AccountTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const store = createSqlAccountStore(database)
  const units: number[] = []
  const overrides = overridesOf(store)
  const watched: AccountStore = {
    ...store,
    ...overrides,
    commitBatch(batch, records) {
      units.push(batch.orders.length)
      return (overrides.commitBatch ?? store.commitBatch)(batch, records)
    },
  }
  const market = createMarket({ open: '00:00', close: '00:00', zone: '+00:00', days: 'sun-sat' })
  const processor = createOrderProcessor({ store: watched, market })
  const id = await store.open({ cash: decimalOf(1000n), owner: null, openedMs: 1_000_000 }, [])
  const place = (orders: Partial<Order>[], records: readonly IdempotencyRecord[] = []) =>
    processor.place(
      id,
      orders.map((order) => ({ ...buy, ...order })),
      (outcomes) => ({ response: outcomes.map(rulesOf), records }),
    )
  return { database, store, processor, id, place, units }
}

function rulesOf(outcome: Outcome): string {
  return outcome === 'conflict' ? outcome : outcome.refusals.map(({ rule }) => rule).join()
}

const existingRecord: IdempotencyRecord = {
  id: 'existing',
  fingerprint: '',
  response: { status: 200, headers: {}, body: '' },
  createdAtMs: 1_000_000,
}

test('Orders that arrive while others of their account are processed share the next unit', async (t) => {
  const { place, units } = await createProcessor(t)
  await Promise.all(Array.from({ length: 40 }, (_, i) => place([{ issuer: `issuer-${i}` }])))
  assert.deepEqual(units, [1, 39])
})

test('A unit has 256 orders at most, unless one batch alone has more', async (t) => {
  const { place, units } = await createProcessor(t)
  const many = (count: number) => Array.from({ length: count }, () => ({ operation: 'HOLD' }))
  await Promise.all([place(many(1)), place(many(300)), place(many(200)), place(many(56)), place(many(1))])
  assert.deepEqual(units, [1, 300, 256, 1])
})

test('Orders of one unit see the effects of those before them, also as duplicates', async (t) => {
  const { place, units } = await createProcessor(t)
  const outcomes = await Promise.all([
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
  assert.deepEqual(outcomes.flat(), [
    '',
    '',
    'DUPLICATED_OPERATION',
    'INSUFFICIENT_BALANCE',
    '',
    'INSUFFICIENT_STOCKS',
  ])
})

test('A position that is closed and reopened within one unit is stored as it is afterwards', async (t) => {
  const { place, store, id } = await createProcessor(t)
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

test('The failure of one request does not affect the others of its unit', async (t) => {
  const { place, store, id, units, database } = await createProcessor(t)
  await createSqlIdempotencyStore(database).insert(existingRecord)
  const first = place([{ issuer: 'FIRST' }])
  const good = place([{ issuer: 'GOOD' }])
  const bad = place([{ issuer: 'BAD' }], [existingRecord])
  const alsoGood = place([{ issuer: 'ALSO GOOD' }])
  await assert.rejects(bad, DuplicateRequest)
  assert.deepEqual(await Promise.all([first, good, alsoGood]), [[''], [''], ['']])
  assert.deepEqual(units, [1, 3, 1, 1, 1])
  const account = await store.find(id)
  assert.deepEqual([...(account?.positions.keys() ?? [])], ['FIRST', 'GOOD', 'ALSO GOOD'])
})

test('When another process changed the account, the orders are decided again on its current state', async (t) => {
  let interferences = 3
  const { place, units, store, id } = await createProcessor(t, (store) => ({
    async commitBatch(batch, records) {
      if (interferences-- > 0) {
        const account = await store.find(id)
        assert.ok(account)
        await store.commitBatch(
          {
            before: account,
            after: { ...account, sequence: account.sequence + 1 },
            orders: [refused(account.sequence + 1)],
          },
          [],
        )
      }
      return store.commitBatch(batch, records)
    },
  }))
  const refused = (sequence: number) => ({
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

test('When every attempt conflicts with another process, the order fails as overloaded after 64 attempts', async (t) => {
  const { place, units, store, id } = await createProcessor(t, () => ({ commitBatch: async () => false }))
  await assert.rejects(place([{}]), (error) => error instanceof AppError && error.code === 'overloaded')
  assert.equal(units.length, 64)
  assert.equal((await store.find(id))?.cash, decimalOf(1000n))
})

test('A failure of the database fails all waiting requests, changes nothing, and does not affect later ones', async (t) => {
  let isDown = true
  const down = new AppError('dependency_down', 'The database cannot be written.')
  const { place, store, id, units } = await createProcessor(t, (store) => ({
    commitBatch: (batch, records) => (isDown ? Promise.reject(down) : store.commitBatch(batch, records)),
  }))
  const results = await Promise.allSettled([place([{}]), place([{ issuer: 'B' }]), place([{ issuer: 'C' }])])
  for (const result of results) assert.equal(result.status === 'rejected' && result.reason, down)
  assert.deepEqual(units, [1, 2])
  assert.equal((await store.find(id))?.cash, decimalOf(1000n))
  isDown = false
  assert.deepEqual(await place([{}]), [''])
})

test('More than 20000 waiting orders are refused as overloaded, until some of them are done', async (t) => {
  const { processor, place } = await createProcessor(t)
  const many = Array.from({ length: 20_000 }, () => buy)
  const missing = processor.place(77, many, () => ({ response: undefined, records: [] }))
  await assert.rejects(place([{}]), (error) => error instanceof AppError && error.code === 'overloaded')
  await assert.rejects(missing, (error) => error instanceof AppError && error.code === 'not_found')
  assert.deepEqual(await place([{}]), [''])
})
