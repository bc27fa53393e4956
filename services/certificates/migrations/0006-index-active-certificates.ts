import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** A page of the active certificates of a user must not cost the reading of all inactive ones. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex('certificate_active')
    .on('certificate')
    .columns(['user_id', 'id'])
    .where(sql<boolean>`active = 1`)
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex('certificate_active').execute()
}
