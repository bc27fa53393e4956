import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { decimalOf } from '../src/decimal.ts'
import { createSqlAccountStore } from '../src/sql-account-store.ts'
import { prepareHistoryStatements } from '../src/sql-account-statements.ts'
import type { AccountTables } from '../src/sql-account-statements.ts'
import { createTurns } from '../src/turns.ts'
import { migrateStorage } from '../src/storage.ts'
import { buyOrder } from './buy-order.ts'
import { freshStorage } from './fresh-storage.ts'

test('The constraints of the database reject negative cash and shares', async (t) => {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<AccountTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const store = createSqlAccountStore(database)
  const before = await store.find(
    await store.open({ cash: decimalOf(1n), owner: null, openedMs: 1_000_000 }, []),
  )
  for (const text of [
    'update account set cash = -1',
    "insert into position values (1, 'X', 0, 1, 1, 1)",
    "insert into position values (1, 'X', -1, 1, 1, 1)",
    "insert into ledger values (1, 9, 'SELL', 'X', -1, 1, -1, 0)",
    "insert into position values (77, 'X', 1, 1, 1, 1)",
  ])
    await assert.rejects(database.commit([{ sql: text, parameters: [] }]), /constraint failed/, text)
  assert.deepEqual(await store.find(1), before)
})

test('Each stored order is read once for a batch, and its balance, which may be large, neither then nor for a list', async (t) => {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<AccountTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const queries: string[] = []
  const store = createSqlAccountStore({
    ...database,
    read(query) {
      queries.push(query.sql)
      return database.read(query)
    },
  })
  const before = await store.find(
    await store.open({ cash: decimalOf(1000n), owner: null, openedMs: 1_000_000 }, []),
  )
  assert.ok(before)
  const order = { ...buyOrder, clientOrderId: 'one' }
  const after = { ...before, sequence: 1 }
  const refusals = [{ rule: 'CLOSED_MARKET' as const, sentences: {} }]
  assert.ok(
    await store.commitBatch(
      { before, after, orders: [{ order, sequence: 1, refusals, balance: before, checkpoint: 1 }] },
      [],
    ),
  )
  queries.length = 0
  const context = await store.loadContext(
    before.id,
    Array.from({ length: 1_000 }, () => ({ ...order })),
  )
  assert.deepEqual(context?.earlier.get('one')?.refusals, refusals)
  const lookups = queries.filter((query) => query.includes('"client_order_id" ='))
  assert.equal(lookups.length, 1)
  const list = prepareHistoryStatements(database.query)
    .listOrders(before.id, { after: 0, limit: 10 })
    .compile()
  for (const query of [...queries, list.sql]) assert.doesNotMatch(query, /\*|balance/)
  queries.length = 0
  assert.equal(await store.findOwner(before.id), null)
  assert.doesNotMatch(queries.join(), /position|balance|\*/)
  const balances = await store.findBalances(before.id, [1], createTurns())
  assert.deepEqual(balances.get(1), { cash: before.cash, positions: new Map() })
})

test('The migrations can be reverted and applied again', async (t) => {
  const url = await freshStorage(t)
  const all = ['0001-create-account', '0002-add-checkpoints', '0003-add-owner']
  assert.deepEqual(await migrateStorage(url, 'up'), all)
  for (const migration of all.toReversed()) assert.deepEqual(await migrateStorage(url, 'down'), [migration])
  assert.deepEqual(await migrateStorage(url, 'up'), all)
  assert.deepEqual(
    await migrateStorage(url, 'status'),
    all.map((migration) => `${migration} applied`),
  )
})
