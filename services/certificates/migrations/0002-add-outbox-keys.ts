import { addOutboxKeys, dropOutboxKeys } from '@quintet/chassis/outbox'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await addOutboxKeys(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropOutboxKeys(db)
}
