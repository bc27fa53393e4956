import { createCacheControlTable, dropCacheControlTable } from '@quintet/chassis/cache'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await createCacheControlTable(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropCacheControlTable(db)
}
