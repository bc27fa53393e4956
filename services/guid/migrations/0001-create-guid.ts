import { identityColumn, longText } from '@quintet/chassis/database'
import { createIdempotencyTable, dropIdempotencyTable } from '@quintet/chassis/idempotency'
import { createOutboxTable, dropOutboxTable } from '@quintet/chassis/outbox'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // GUIDs are random, so each insert writes another page of their index. The table itself is ordered by an ascending id, which
  // halves what a registration writes.
  await db.schema
    .createTable('guid')
    .addColumn('id', ...identityColumn(db))
    .addColumn('guid', 'varchar(32)', (column) => column.notNull().unique())
    .addColumn('user', 'varchar(256)', (column) => column.notNull())
    .addColumn('expire', 'bigint', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('guid_expire').on('guid').columns(['expire', 'id']).execute()
  await db.schema.createIndex('guid_user').on('guid').columns(['user', 'expire', 'id']).execute()
  await db.schema
    .createTable('operation')
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey().notNull())
    .addColumn('status', 'varchar(9)', (column) => column.notNull())
    .addColumn('result', longText(db))
    .addColumn('problem', longText(db))
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('operation_status').on('operation').columns(['status', 'changed_at']).execute()
  await createIdempotencyTable(db)
  await createOutboxTable(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropOutboxTable(db)
  await dropIdempotencyTable(db)
  await db.schema.dropTable('operation').execute()
  await db.schema.dropTable('guid').execute()
}
