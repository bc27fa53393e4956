import type { DatabaseSync } from 'node:sqlite'
import { SqliteAdapter, SqliteDialect, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { Dialect } from 'kysely'
import type { EngineDialect } from '../kysely-dialect.ts'
import { sqliteValues } from './statements.ts'

export const sqliteDialect: EngineDialect = {
  createAdapter,
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
}

/** For an adapter with a single connection Kysely serializes all queries, so that there would be no batches. */
function createAdapter(): SqliteAdapter {
  return Object.defineProperty(new SqliteAdapter(), 'supportsMultipleConnections', { value: true })
}

/** Kysely directly on one connection, for migrations. It expects better-sqlite3's API, which takes parameters as an array. */
export function createDirectDialect(connection: DatabaseSync): Dialect {
  return new SqliteDialect({
    database: {
      close: () => {},
      prepare(text) {
        const statement = connection.prepare(text)
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...sqliteValues(parameters)),
          run: (parameters) => statement.run(...sqliteValues(parameters)),
          iterate: (parameters) => statement.iterate(...sqliteValues(parameters)),
        }
      },
    },
  })
}
