import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('quota')
    .addColumn('id', 'varchar(600)', (column) => column.primaryKey().notNull())
    .addColumn('reserved', 'bigint', (column) => column.notNull())
    // What the last reservation was given, so that the statement can return it.
    .addColumn('granted', 'bigint', (column) => column.notNull())
    .addColumn('ends_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('quota_ends_at').on('quota').column('ends_at').execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('quota').execute()
}
