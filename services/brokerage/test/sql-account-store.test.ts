import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { decimalOf } from '../src/decimal.ts'
import { createSqlAccountStore } from '../src/sql-account-store.ts'
import type { AccountTables } from '../src/sql-account-statements.ts'
import { migrateStorage } from '../src/storage.ts'
import { freshStorage } from './fresh-storage.ts'

test('The constraints of the database reject negative cash and shares', async (t) => {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<AccountTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const store = createSqlAccountStore(database)
  const before = await store.find(await store.open({ cash: decimalOf(1n), openedMs: 1_000_000 }, []))
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

test('The migration can be reverted and applied again', async (t) => {
  const url = await freshStorage(t)
  for (const action of ['up', 'down', 'up'] as const)
    assert.deepEqual(await migrateStorage(url, action), ['0001-create-account'])
  assert.deepEqual(await migrateStorage(url, 'status'), ['0001-create-account applied'])
})
