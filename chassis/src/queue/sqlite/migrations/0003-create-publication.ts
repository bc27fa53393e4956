import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('publication')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('queue', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('until', 'integer', (column) => column.notNull())
    .execute()
  const index = (name: string) => db.schema.createIndex(name).on('publication')
  await index('publication_identity').unique().columns(['queue', 'key']).execute()
  await index('publication_until').column('until').execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('publication').execute()
}
