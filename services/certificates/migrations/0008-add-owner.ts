import type { Kysely } from 'kysely'

/**
 * A certificate has the owner of its user, whom neither ever changes, so that a page of one owner's certificates by their expiry costs no
 * reading of those of others. A partial index, so that certificates without an owner cost nothing more.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ['user', 'certificate'])
    await db.schema.alterTable(table).addColumn('owner', 'varchar(255)').execute()
  await db.schema
    .createIndex('certificate_owner')
    .on('certificate')
    .columns(['owner', 'not_after', 'id'])
    .where('owner', 'is not', null)
    .where('not_after', 'is not', null)
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex('certificate_owner').execute()
  for (const table of ['certificate', 'user']) await db.schema.alterTable(table).dropColumn('owner').execute()
}
