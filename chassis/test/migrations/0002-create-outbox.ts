import { createOutbox, dropOutboxTable } from '@quintet/chassis/outbox'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await createOutbox(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropOutboxTable(db)
}
