import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('guid').addColumn('owner', 'varchar(255)').execute()
  // A list of one owner's GUIDs, in the order of expiry.
  await db.schema.createIndex('guid_owner').on('guid').columns(['owner', 'expire', 'id']).execute()
  await db.schema.alterTable('operation').addColumn('owner', 'varchar(255)').execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('operation').dropColumn('owner').execute()
  await db.schema.dropIndex('guid_owner').on('guid').execute()
  await db.schema.alterTable('guid').dropColumn('owner').execute()
}
