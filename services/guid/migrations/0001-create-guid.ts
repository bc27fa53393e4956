import { createIdempotencyTable, dropIdempotencyTable } from '@quintet/chassis/http'
import { createOutboxTable, dropOutboxTable } from '@quintet/chassis/queue'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('guid')
    .addColumn('guid', 'varchar(32)', (column) => column.primaryKey().notNull())
    .addColumn('user', 'varchar(256)', (column) => column.notNull())
    .addColumn('expire', 'bigint', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('guid_expire').on('guid').columns(['expire', 'guid']).execute()
  await db.schema.createIndex('guid_user').on('guid').columns(['user', 'expire', 'guid']).execute()
  await db.schema
    .createTable('operation')
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey().notNull())
    .addColumn('status', 'varchar(9)', (column) => column.notNull())
    .addColumn('result', 'text')
    .addColumn('problem', 'text')
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
