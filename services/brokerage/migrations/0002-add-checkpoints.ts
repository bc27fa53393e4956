import { AppError } from '@quintet/chassis/errors'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** The balance after an order is stored with some orders only, and those after it refer to it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ['account', 'order'])
    await db.schema.alterTable(table).addColumn('checkpoint', 'integer').execute()
}

/**
 * An earlier version would take a reference for the balance, so no reference may be left. Those in recorded responses cannot be
 * replaced by the balances: a record does not have the account.
 */
export async function down(db: Kysely<Tables>): Promise<void> {
  if (await hasReferences(db)) throw referencesLeft()
  for (const table of ['order', 'account'])
    await db.schema.alterTable(table).dropColumn('checkpoint').execute()
}

type Tables = {
  order: { client_order_id: string | null; balance: string | null; checkpoint: number | null }
  idempotency: { body: string }
}

async function hasReferences(db: Kysely<Tables>): Promise<boolean> {
  const order = await db
    .selectFrom('order')
    .select('checkpoint')
    .where('client_order_id', 'is not', null)
    .where('checkpoint', 'is not', null)
    .where('balance', 'is', null)
    .limit(1)
    .executeTakeFirst()
  if (order !== undefined) return true
  const record = await db
    .selectFrom('idempotency')
    .select('body')
    .where(sql<boolean>`body glob '*"current_balance":[0-9]*'`)
    .limit(1)
    .executeTakeFirst()
  return record !== undefined
}

function referencesLeft(): AppError {
  return new AppError(
    'conflict',
    'Orders with a client_order_id or recorded responses refer to balances that an earlier version does not find, so that it would give wrong responses to retries. Nothing was changed; the way back is to restore the backup that was made before the upgrade.',
  )
}
