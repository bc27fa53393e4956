import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import {
  databaseExists,
  deleteSelected,
  greatest,
  least,
  migrateDatabase,
  openDatabase,
  prepareQuery,
  skipLocked,
} from '../database/index.ts'
import type { Database, Placeholders } from '../database/index.ts'
import { quotaMigrations } from './migrations-folder.ts'
import type { Period } from './quota-period.ts'

export type QuotaTable = {
  /** `id` is that of the policy and its client or the like, an @, and the period. */
  quota: { id: string; reserved: number; granted: number; ends_at: number }
}

/** A quota of a client or the like in one period. */
export type QuotaKey = { readonly id: string; readonly period: Period }

export type QuotaStore = {
  /**
   * Reserves up to so many units, as far as the limit admits; resolves when they are durable, to how many they are, and to how many are
   * reserved in all.
   */
  reserve(key: QuotaKey, units: number, limit: number): Promise<{ granted: number; reserved: number }>
  /** Gives back what was reserved and not spent. */
  giveBack(keys: readonly (QuotaKey & { readonly units: number })[]): Promise<void>
  /** Removes rows of periods that are over. */
  sweep(nowMs: number, limit: number): Promise<number>
  close(): Promise<void>
}

/** Opens the database of quotas, and makes its table. */
export async function openQuotaStore(url: string): Promise<QuotaStore> {
  await migrateDatabase(url, { migrations: quotaMigrations }, 'up')
  const database = await openDatabase<QuotaTable>(url, { migrations: quotaMigrations })
  const statements = prepareStatements(database)
  return {
    async reserve({ id, period }, units, limit) {
      const { results } = await database.commit([
        statements.insert({ id: `${id}@${period.name}`, endsAt: period.endsAtMs }),
        statements.reserve({ id: `${id}@${period.name}`, units, limit }),
      ])
      const [row] = results[1]?.rows ?? []
      return { granted: Number(row?.granted), reserved: Number(row?.reserved) }
    },
    async giveBack(keys) {
      if (keys.length === 0) return
      await database.commit(
        keys.map(({ id, period, units }) => statements.giveBack({ id: `${id}@${period.name}`, units })),
      )
    },
    async sweep(nowMs, limit) {
      const { results } = await database.commit([statements.remove({ before: nowMs - keptMs, limit })])
      return results[0]?.changes ?? 0
    },
    close: database.close,
  }
}

/** Removes what is reserved for these, in all periods; returns how many there were. Nothing is made where there is no database. */
export async function removeQuotas(url: string, ids: readonly string[]): Promise<number> {
  if (!(await databaseExists(url))) return 0
  const database = await openDatabase<QuotaTable>(url, { migrations: quotaMigrations })
  try {
    const { query: db } = database
    const periods = ids.map((id) =>
      db.deleteFrom('quota').where('id', '>=', `${id}@`).where('id', '<', `${id}A`).compile(),
    )
    const { results } = await database.commit(periods)
    return results.reduce((sum, { changes }) => sum + changes, 0)
  } finally {
    await database.close()
  }
}

/** The clocks of processes differ, so a period may still be in use a little after its end. */
const keptMs = 86_400_000

function prepareStatements({ query: db }: Database<QuotaTable>) {
  return {
    insert: prepareQuery((p: Placeholders<{ id: string; endsAt: number }>) =>
      db
        .insertInto('quota')
        .values({ id: p.id, reserved: 0, granted: 0, ends_at: p.endsAt })
        .onConflict((conflict) => conflict.column('id').doNothing()),
    ),
    reserve: prepareQuery((p: Placeholders<{ id: string; units: number; limit: number }>) => {
      const next = nextReserved(db, p)
      return db
        .updateTable('quota')
        .set({ granted: sql`${next} - reserved`, reserved: next })
        .where('id', '=', p.id)
        .returning(['granted', 'reserved'])
    }),
    giveBack: prepareQuery((p: Placeholders<{ id: string; units: number }>) =>
      db
        .updateTable('quota')
        .set({ reserved: sql`reserved - ${p.units}` })
        .where('id', '=', p.id),
    ),
    remove: prepareQuery((p: Placeholders<{ before: number; limit: number }>) =>
      deleteSelected(
        db,
        'quota',
        'id',
        skipLocked(db, db.selectFrom('quota').select('id').where('ends_at', '<', p.before).limit(p.limit)),
      ),
    ),
  }
}

/** Not less than there is, even if the limit was lowered below it. */
function nextReserved(db: Kysely<QuotaTable>, p: Placeholders<{ units: number; limit: number }>) {
  const reserved = sql.ref<number>('reserved')
  return greatest(db, reserved, least(db, sql`${p.limit}`, sql`reserved + ${p.units}`))
}
