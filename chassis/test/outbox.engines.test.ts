import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { dropOutboxKeys, outboxStatement } from '@quintet/chassis/outbox'
import type { OutboxTable } from '@quintet/chassis/outbox'
import { migrations } from './database-world.ts'
import { testOutbox } from './outbox-contract.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

const mysql = engineUrl('mysql')
if (mysql !== undefined) testOutbox('mysql', () => freshDatabaseOn(mysql))

const postgres = engineUrl('postgres')
if (postgres !== undefined) {
  testOutbox('postgres', () => freshDatabaseOn(postgres))

  test('postgres: taking the keys back splits rows of several messages into one row each, in order', async (t: TestContext) => {
    const url = freshDatabaseOn(postgres)
    await migrateDatabase(url, { migrations }, 'up')
    const { query, commit, close } = await openDatabase<OutboxTable>(url, { migrations })
    t.after(close)
    const insert = outboxStatement(query, 'work')
    const sent = Array.from({ length: 40 }, (_, i) => ({ key: `k${i}`, body: `{"n":${i},"text":"ü, \\""}` }))
    await Promise.all(sent.map((message) => commit([insert({ ...message, createdAt: 1 })])))
    const rowsBefore = await query.selectFrom('outbox').select('keys').execute()
    t.assert.ok(rowsBefore.some(({ keys }) => keys !== null))
    await commit([insert({ key: 'last', body: '[]', createdAt: 2, id: 'named' })])
    await dropOutboxKeys(query)
    const rows = await query
      .selectFrom('outbox')
      .select(['message_id', 'key', 'body'])
      .orderBy('id')
      .execute()
    t.assert.deepEqual(rows, [
      ...sent.map((message) => ({ message_id: null, ...message })),
      { message_id: 'named', key: 'last', body: '[]' },
    ])
  })
}
