import { exponentialBackoffMs } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { createLimiter } from '../../concurrency/limiter.ts'

/** Connections to one database, which need not be there. */
export type ServerConnection<Client> = {
  /**
   * Gives the work a connection of its own. Rejects with `dependency_down` when there is none to be had, and with whatever
   * the work rejects with; a connection on which something other than a statement failed is not used again.
   */
  use<R>(work: (client: Client) => Promise<R>): Promise<R>
  close(): Promise<void>
}

/**
 * A bounded number at once, and a bounded number that wait. A server that is away is not asked for by each who comes: tries grow
 * rarer, and all who come between two of them are told at once.
 */
export function createServerConnection<Client>(pool: {
  readonly connectionsMax: number
  readonly waitingMax: number
  connect(): Promise<Client>
  /** Takes the connection back; `broken` says why it is not to be used again. */
  release(client: Client, broken: Error | undefined): void
  end(): Promise<void>
  /** The server refused a statement and the connection goes on. */
  isStatementError(error: unknown): boolean
  /** What is told when there is no connection to be had. */
  unavailable(cause: unknown): AppError
}): ServerConnection<Client> {
  const limiter = createLimiter({
    concurrencyMax: pool.connectionsMax,
    waitingMax: pool.waitingMax,
    refusal: 'Too many requests are waiting for the database.',
  })
  let failures = 0
  let retryAt = Number.NEGATIVE_INFINITY
  let fault: unknown
  let closed = false

  async function connect(): Promise<Client> {
    if (performance.now() < retryAt) throw pool.unavailable(fault)
    try {
      const client = await pool.connect()
      failures = 0
      return client
    } catch (error) {
      failures += 1
      fault = error
      retryAt = performance.now() + exponentialBackoffMs(failures)
      throw pool.unavailable(error)
    }
  }

  /** AppErrors and TypeErrors are made here, after an answer that was understood. */
  const isHarmless = (error: unknown) =>
    error instanceof AppError || error instanceof TypeError || pool.isStatementError(error)

  return {
    async use(work) {
      if (closed) throw dependencyDown('The database is closed.')
      return limiter(async () => {
        const client = await connect()
        let broken: Error | undefined
        try {
          return await work(client)
        } catch (error) {
          if (!isHarmless(error)) broken = error instanceof Error ? error : new Error(String(error))
          throw error
        } finally {
          pool.release(client, broken)
        }
      })
    },
    async close() {
      if (closed) return
      closed = true
      await pool.end()
    },
  }
}
