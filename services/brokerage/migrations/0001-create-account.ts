import { createIdempotencyTable, dropIdempotencyTable } from '@quintet/chassis/idempotency'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Amounts of money are integers, in millionths. Tables without rowids cluster the rows of an account. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('account')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('cash', 'bigint', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('last_timestamp', 'bigint')
    .addCheckConstraint('account_cash_not_negative', sql`cash >= 0`)
    .execute()
  await db.schema
    .createTable('position')
    .addColumn('account_id', 'integer', (column) => column.notNull().references('account.id'))
    .addColumn('issuer_name', 'varchar(100)', (column) => column.notNull())
    .addColumn('shares', 'bigint', (column) => column.notNull())
    .addColumn('price', 'bigint', (column) => column.notNull())
    .addColumn('cost', 'bigint', (column) => column.notNull())
    .addColumn('since', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('position_key', ['account_id', 'issuer_name'])
    .addCheckConstraint('position_shares_positive', sql`shares > 0`)
    .addCheckConstraint('position_price_positive', sql`price > 0`)
    .addCheckConstraint('position_cost_not_negative', sql`cost >= 0`)
    .modifyEnd(sql`without rowid`)
    .execute()
  await db.schema
    .createTable('order')
    .addColumn('account_id', 'integer', (column) => column.notNull().references('account.id'))
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('client_order_id', 'varchar(64)')
    .addColumn('operation', 'varchar(64)', (column) => column.notNull())
    .addColumn('issuer_name', 'varchar(100)', (column) => column.notNull())
    .addColumn('total_shares', 'varchar(24)', (column) => column.notNull())
    .addColumn('share_price', 'varchar(24)', (column) => column.notNull())
    .addColumn('timestamp', 'bigint', (column) => column.notNull())
    .addColumn('received_at', 'bigint', (column) => column.notNull())
    .addColumn('effective_at', 'bigint', (column) => column.notNull())
    .addColumn('refusals', 'text')
    .addColumn('balance', 'text')
    .addPrimaryKeyConstraint('order_key', ['account_id', 'sequence'])
    .modifyEnd(sql`without rowid`)
    .execute()
  await db.schema
    .createIndex('order_client_order_id')
    .unique()
    .on('order')
    .columns(['account_id', 'client_order_id'])
    .where(sql.ref('client_order_id'), 'is not', null)
    .execute()
  await db.schema
    .createIndex('order_alike')
    .on('order')
    .columns(['account_id', 'issuer_name', 'operation', 'total_shares', 'effective_at'])
    .where(sql.ref('refusals'), 'is', null)
    .execute()
  await db.schema
    .createTable('ledger')
    .addColumn('account_id', 'integer', (column) => column.notNull().references('account.id'))
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('kind', 'varchar(7)', (column) => column.notNull())
    .addColumn('issuer_name', 'varchar(100)')
    .addColumn('shares', 'bigint', (column) => column.notNull())
    .addColumn('amount', 'bigint', (column) => column.notNull())
    .addColumn('cash', 'bigint', (column) => column.notNull())
    .addColumn('recorded_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('ledger_key', ['account_id', 'sequence'])
    .addCheckConstraint('ledger_cash_not_negative', sql`cash >= 0`)
    .modifyEnd(sql`without rowid`)
    .execute()
  await createIdempotencyTable(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropIdempotencyTable(db)
  for (const table of ['ledger', 'order', 'position', 'account']) await db.schema.dropTable(table).execute()
}
