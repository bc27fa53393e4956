import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('failure')
    .addColumn('message_id', 'varchar(255)', (column) => column.primaryKey().notNull())
    .addColumn('code', 'varchar(40)', (column) => column.notNull())
    .addColumn('detail', 'varchar(500)', (column) => column.notNull())
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('failure').execute()
}
