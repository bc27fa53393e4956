import { identityColumn } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // An amount is text, so that it comes back with the very digits that it came with.
  await db.schema
    .createTable('orders')
    .addColumn('id', ...identityColumn(db))
    .addColumn('user_id', 'varchar(20)', (column) => column.notNull())
    .addColumn('number_of_items', 'bigint', (column) => column.notNull())
    .addColumn('total_amount', 'varchar(22)', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('orders_user').on('orders').columns(['user_id', 'id']).execute()
  await db.schema
    .createTable('inbox')
    .addColumn('message_id', 'varchar(255)', (column) => column.primaryKey().notNull())
    .addColumn('order_id', 'bigint', (column) => column.notNull().references('orders.id'))
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('inbox').execute()
  await db.schema.dropTable('orders').execute()
}
