import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** The time of leases and pauses, in one row. Those that exist are by the clock of the machine, so it goes on from there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('clock')
    .addColumn('offset', 'integer', (column) => column.notNull())
    .addColumn('latest', 'integer', (column) => column.notNull())
    .execute()
  const now = sql`cast(unixepoch('subsec') * 1000 as integer)`
  await sql`insert into clock ("offset", latest) values (0, ${now})`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('clock').execute()
}
