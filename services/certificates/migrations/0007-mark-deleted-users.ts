import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** A user with many certificates is marked as deleted until all of these are removed, so that no write waits for that. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('user')
    .addColumn('deleted', 'integer', (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema
    .createIndex('user_deleted')
    .on('user')
    .column('id')
    .where(sql<boolean>`deleted = 1`)
    .execute()
}

/** Removes what is marked, since nothing else would hide it. */
export async function down(db: Kysely<{ user: { deleted: number } }>): Promise<void> {
  await db.deleteFrom('user').where('deleted', '=', 1).execute()
  await db.schema.dropIndex('user_deleted').execute()
  await db.schema.alterTable('user').dropColumn('deleted').execute()
}
