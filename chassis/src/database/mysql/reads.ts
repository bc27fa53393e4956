import type { CompiledQuery } from 'kysely'
import { AppError } from '../../errors/index.ts'
import { readError } from '../server/error-class.ts'
import { classifyError, run } from './connection.ts'
import type { MysqlConnection } from './connection.ts'

/** Each read on a connection of its own, by a statement that is prepared there. */
export function createReads(link: MysqlConnection): {
  read<R>(query: CompiledQuery<R>): Promise<readonly R[]>
} {
  async function read<R>({ sql, parameters }: CompiledQuery<R>, mayTryAgain: boolean): Promise<readonly R[]> {
    try {
      const { rows } = await link.use((client) => run(client, sql, parameters))
      // The row type is Kysely's, derived from the very query that was compiled to this text.
      return rows as readonly R[]
    } catch (error) {
      if (error instanceof AppError) throw error
      const failure = classifyError(error)
      // A read changes nothing, so one whose answer was lost with its connection may be asked again.
      if (mayTryAgain && (failure === 'ambiguous' || failure === 'retryable'))
        return read({ sql, parameters } as CompiledQuery<R>, false)
      throw readError(failure, error)
    }
  }
  return { read: (query) => read(query, true) }
}
