import { sql } from 'kysely'
import type { Compilable, Kysely, RawBuilder } from 'kysely'
import { prepareQuery } from '../database/index.ts'
import type { Database, Placeholders } from '../database/index.ts'
import type { Arbiter, ControlRow } from './port.ts'

/** For the migrations of a service that can use a cache on a server. */
export async function createCacheControlTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema
    .createTable('cache_control')
    .addColumn('epoch', 'bigint', (column) => column.primaryKey().notNull())
    .addColumn('mode', 'varchar(16)', (column) => column.notNull())
    .addColumn('generation', 'varchar(64)', (column) => column.notNull())
    .addColumn('instance', 'varchar(64)', (column) => column.notNull())
    .addColumn('challenge', 'varchar(64)', (column) => column.notNull())
    .execute()
  await sql`insert into cache_control (epoch, mode, generation, instance, challenge) values (0, 'none', '', '', '')`.execute(
    db,
  )
}

export async function dropCacheControlTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema.dropTable('cache_control').execute()
}

/** The part of a SQL database in the protocol of the cache. */
export function createSqlArbiter<Tables>({ query: db, read, commit, settle }: Database<Tables>): Arbiter {
  const find = prepareQuery((_: Placeholders<Record<never, never>>) =>
    compilable(db, sql<ControlRow>`select epoch, mode, generation, instance, challenge from cache_control`),
  )
  const replace = prepareQuery((p: Placeholders<ControlRow & { seenEpoch: number; seenChallenge: string }>) =>
    compilable(
      db,
      sql`update cache_control set epoch = ${p.epoch}, mode = ${p.mode}, generation = ${p.generation},
        instance = ${p.instance}, challenge = ${p.challenge}
        where epoch = ${p.seenEpoch} and challenge = ${p.seenChallenge}`,
    ),
  )
  return {
    settle,
    async read() {
      const [row] = await read(find({}))
      if (row === undefined) throw new Error('The table cache_control is empty.')
      return row
    },
    async replace(seen, next) {
      await commit([replace({ ...next, seenEpoch: seen.epoch, seenChallenge: seen.challenge })])
    },
  }
}

function compilable<Tables, R>(db: Kysely<Tables>, statement: RawBuilder<R>): Compilable<R> {
  return { compile: () => statement.compile(db) }
}
