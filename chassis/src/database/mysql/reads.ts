import type { CompiledQuery } from 'kysely'
import { AppError } from '../../errors/index.ts'
import { readError } from '../server/error-class.ts'
import { run } from './connection.ts'
import type { MysqlConnection } from './connection.ts'
import { classifyError } from './error-class.ts'

/** Each read is a prepared statement on a connection of its own. */
export function createReads(connection: MysqlConnection): {
  read<R>(query: CompiledQuery<R>): Promise<readonly R[]>
} {
  async function read<R>(query: CompiledQuery<R>, mayRetry: boolean): Promise<readonly R[]> {
    try {
      const { rows } = await connection.use((client) => run(client, query.sql, query.parameters))
      // The row type is Kysely's, derived from the query that was compiled to this text.
      return rows as readonly R[]
    } catch (error) {
      if (error instanceof AppError) throw error
      const errorClass = classifyError(error)
      // A read changes nothing, so one whose response was lost with its connection can be repeated.
      if (mayRetry && (errorClass === 'ambiguous' || errorClass === 'retryable')) return read(query, false)
      throw readError(errorClass, error)
    }
  }
  return { read: (query) => read(query, true) }
}
