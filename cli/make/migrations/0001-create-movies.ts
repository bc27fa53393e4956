import { createCacheControlTable, dropCacheControlTable } from '@quintet/chassis/cache'
import { identityColumn } from '@quintet/chassis/database'
import { createIdempotencyTable, dropIdempotencyTable } from '@quintet/chassis/idempotency'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // Ids are never used again, so that an old link, ETag or cached response cannot mean another movie.
  await db.schema
    .createTable('movies')
    .addColumn('id', ...identityColumn(db))
    .addColumn('title', 'varchar(256)', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull().defaultTo(1))
    .addColumn('title_key', 'text', (column) => column.notNull())
    .execute()
  await createIdempotencyTable(db)
  await createCacheControlTable(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropCacheControlTable(db)
  await dropIdempotencyTable(db)
  await db.schema.dropTable('movies').execute()
}
