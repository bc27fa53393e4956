import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** For the rows without messages that a restore appends to streams: the positions before such a row are not given out again. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index chunk_gap on chunk (stream, first) where count = 0`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex('chunk_gap').execute()
}
