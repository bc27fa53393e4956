import { dialectOf } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('guid').addColumn('owner', 'varchar(255)').execute()
  // A list of one owner's GUIDs, in the order of expiry.
  await db.schema.createIndex('guid_owner').on('guid').columns(['owner', 'expire', 'id']).execute()
  await db.schema.alterTable('operation').addColumn('owner', 'varchar(255)').execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('operation').dropColumn('owner').execute()
  const dropIndex = db.schema.dropIndex('guid_owner')
  // Only in MySQL an index is named by its table too.
  await (dialectOf(db) === 'mysql' ? dropIndex.on('guid') : dropIndex).execute()
  await db.schema.alterTable('guid').dropColumn('owner').execute()
}
