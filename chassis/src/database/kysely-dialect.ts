import type { DatabaseSync } from 'node:sqlite'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import {
  MysqlAdapter,
  MysqlIntrospector,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteDialect,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Database } from './port.ts'
import { MysqlCompiler } from './mysql/compiler.ts'
import { sqliteValues } from './sqlite/statements.ts'

/** Kysely on `read` and `commit` of an adapter: a select is a read, anything else a unit of one statement. */
export function createDialect(
  engine: 'sqlite' | 'postgres' | 'mysql',
  { read, commit }: Pick<Database<unknown>, 'read' | 'commit'>,
): Dialect {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      if (isSelect(query)) return { rows: [...(await read(query))] as R[] }
      const { results } = await commit([query])
      const [result] = results
      return { rows: [...(result?.rows ?? [])] as R[], numAffectedRows: BigInt(result?.changes ?? 0) }
    },
    streamQuery: refuseStream,
  }
  const createConnectionDriver = () => createDriver(connection)
  if (engine === 'mysql') return createMysqlDialect(connection)
  if (engine === 'postgres')
    return {
      createAdapter: () => new PostgresAdapter(),
      createDriver: createConnectionDriver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    }
  return {
    createAdapter: createSqliteAdapter,
    createDriver: createConnectionDriver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

/** Kysely's MySQL dialect on any connection: that of an adapter, or a single one for migrations. */
export function createMysqlDialect(connection: DatabaseConnection): Dialect {
  return {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => createDriver(connection),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlCompiler(),
  }
}

/** For an adapter with a single connection Kysely serializes all queries, so that there would be no batches. */
function createSqliteAdapter(): SqliteAdapter {
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

// biome-ignore lint/correctness/useYield: Kysely's type requires a generator, and no caller here streams.
export async function* refuseStream(): AsyncGenerator<never> {
  throw new Error('Streaming is not supported: read pages instead.')
}

function isSelect({ query, sql }: CompiledQuery): boolean {
  return (
    query.kind === 'SelectQueryNode' || (query.kind === 'RawNode' && /^\s*(select|with|pragma)\b/i.test(sql))
  )
}

function createDriver(connection: DatabaseConnection): Driver {
  const refuse = async (): Promise<never> => {
    throw new Error(
      'Interactive transactions would block all other units: pass all statements to commit() at once.',
    )
  }
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  }
}
