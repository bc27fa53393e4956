import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import type { Database } from './port.ts'

/** What an engine adds to a connection to make a dialect of Kysely. */
export type EngineDialect = Omit<Dialect, 'createDriver'>

/** Kysely on `read` and `commit` of an adapter: a select is a read, anything else a unit of one statement. */
export function createDialect(
  engine: EngineDialect,
  { read, commit }: Pick<Database<unknown>, 'read' | 'commit'>,
): Dialect {
  return dialectOn(engine, {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      if (isSelect(query)) return { rows: [...(await read(query))] as R[] }
      const { results } = await commit([query])
      const [result] = results
      return { rows: [...(result?.rows ?? [])] as R[], numAffectedRows: BigInt(result?.changes ?? 0) }
    },
    streamQuery: refuseStream,
  })
}

/** Kysely on one connection, whatever it is. */
export function dialectOn(engine: EngineDialect, connection: DatabaseConnection): Dialect {
  return { ...engine, createDriver: () => createDriver(connection) }
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
