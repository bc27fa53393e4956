import { createOutboxTable, dropOutboxTable } from '@quintet/chassis/queue'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await createOutboxTable(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropOutboxTable(db)
}
