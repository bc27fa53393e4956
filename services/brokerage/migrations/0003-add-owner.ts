import type { Kysely } from 'kysely'

/** Without an index: accounts are found by their ids alone. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('account').addColumn('owner', 'varchar(255)').execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('account').dropColumn('owner').execute()
}
