import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Longer than processes of the version before, which make versions from their clocks alone, run beside those of this one. */
const upgradeMs = 3_600_000

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('version_floor')
    .addColumn('version', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('version_floor_version').on('version_floor').column('version').execute()
  // GUIDs that were removed before had versions of microseconds.
  const { rows } = await sql`select id from guid limit 1`.execute(db)
  const floor = (Date.now() + (rows.length > 0 ? upgradeMs : 0)) * 1000
  await sql`insert into version_floor (version) values (${floor})`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('version_floor').execute()
}
