import type { Kysely } from 'kysely'

/** The balance after an order is stored with some orders only, and those after it refer to it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ['account', 'order'])
    await db.schema.alterTable(table).addColumn('checkpoint', 'integer').execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of ['order', 'account'])
    await db.schema.alterTable(table).dropColumn('checkpoint').execute()
}
