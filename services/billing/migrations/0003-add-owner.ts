import type { Kysely } from 'kysely'

/** Partial indexes, so that orders without an owner cost nothing more. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('orders').addColumn('owner', 'varchar(255)').execute()
  await db.schema.alterTable('failure').addColumn('owner', 'varchar(255)').execute()
  await db.schema
    .createIndex('orders_owner')
    .on('orders')
    .columns(['owner', 'id'])
    .where('owner', 'is not', null)
    .execute()
  await db.schema
    .createIndex('orders_owner_user')
    .on('orders')
    .columns(['owner', 'user_id', 'id'])
    .where('owner', 'is not', null)
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex('orders_owner_user').execute()
  await db.schema.dropIndex('orders_owner').execute()
  await db.schema.alterTable('failure').dropColumn('owner').execute()
  await db.schema.alterTable('orders').dropColumn('owner').execute()
}
