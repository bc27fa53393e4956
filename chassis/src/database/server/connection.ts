import { exponentialBackoffMs } from '../../clock/index.ts'
import { createLimiter } from '../../concurrency/limiter.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'

/** Connections to one database, whose server need not be available. */
export type ServerConnection<Client> = {
  /**
   * Runs the work with a client of its own. Rejects with what `unavailable` makes when there is none, with `overloaded` when
   * too many wait for one, and with whatever the work rejects with.
   */
  use<R>(work: (client: Client) => Promise<R>): Promise<R>
  close(): Promise<void>
}

/** What a driver does. One that has its own pool may return the same client each time, and needs neither `release` nor `isStatementError`. */
export type ServerDriver<Client> = {
  readonly connectionsMax: number
  readonly waitingMax: number
  /** The longest pause between two attempts to connect. */
  readonly retryPauseMaxMs?: number
  connect(): Promise<Client>
  /** Takes the client back; `broken` is why its connection must not be used again. */
  release?(client: Client, broken: Error | undefined): void
  end(): Promise<void>
  /** Whether the server refused a statement and the connection can be used again. */
  isStatementError?(error: unknown): boolean
  /** Whether an error of the work means that the server cannot be reached, where `connect` does not detect that. */
  isUnreachable?(error: unknown): boolean
  /** The error for those who get no client. */
  unavailable(cause: unknown): Error
}

/**
 * Limits the clients in use and those who wait for one. While the server is unavailable, attempts to connect are made with
 * exponential backoff, and callers between two attempts are refused at once.
 */
export function createServerConnection<Client>(driver: ServerDriver<Client>): ServerConnection<Client> {
  const { retryPauseMaxMs = Number.POSITIVE_INFINITY } = driver
  const limiter = createLimiter({
    concurrencyMax: driver.connectionsMax,
    waitingMax: driver.waitingMax,
    refusal: 'Too many requests are waiting for the database.',
  })
  let failures = 0
  let retryAt = Number.NEGATIVE_INFINITY
  let lastError: unknown
  let closed = false

  async function connect(): Promise<Client> {
    if (closed) throw dependencyDown('The database is closed.')
    if (performance.now() < retryAt) throw driver.unavailable(lastError)
    try {
      return await driver.connect()
    } catch (error) {
      recordFailure(error)
      throw driver.unavailable(error)
    }
  }

  function recordFailure(error: unknown): void {
    failures += 1
    lastError = error
    retryAt = performance.now() + Math.min(retryPauseMaxMs, exponentialBackoffMs(failures))
  }

  /** Whether the connection can be used again. AppErrors and TypeErrors are made after a response was understood. */
  function isHarmless(error: unknown): boolean {
    return (
      error instanceof AppError || error instanceof TypeError || driver.isStatementError?.(error) === true
    )
  }

  return {
    use: (work) =>
      limiter(async () => {
        const client = await connect()
        let broken: Error | undefined
        try {
          const result = await work(client)
          failures = 0
          return result
        } catch (error) {
          if (!isHarmless(error)) broken = error instanceof Error ? error : new Error(String(error))
          if (driver.isUnreachable?.(error)) recordFailure(error)
          else if (broken === undefined) failures = 0
          throw error
        } finally {
          driver.release?.(client, broken)
        }
      }),
    async close() {
      if (closed) return
      closed = true
      await driver.end()
    },
  }
}
