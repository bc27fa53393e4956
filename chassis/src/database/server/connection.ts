import { TimeoutError, withTimeout } from '../../clock/index.ts'
import { createLimiter } from '../../concurrency/limiter.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { createAvailability } from './availability.ts'
import { findLostResponses } from './lost-responses.ts'
import type { LateResponses } from './lost-responses.ts'

/** Connections to one database, whose server need not be available. */
export type ServerConnection<Client> = {
  /**
   * Runs the work with a client of its own. Rejects with what `unavailable` makes when there is none, with `overloaded` when
   * too many wait for one, and with whatever the work rejects with.
   */
  use<R>(work: (client: Client) => Promise<R>): Promise<R>
  close(): Promise<void>
}

/**
 * What a driver does. One that has its own pool may return the same client each time, and of the optional parts needs
 * `isUnreachable` only.
 */
export type ServerDriver<Client> = {
  readonly connectionsMax: number
  readonly waitingMax: number
  /** A client whose connection works as far as is known. Rejects within a few seconds if the server does not respond. */
  connect(): Promise<Client>
  /** Takes the client back; `broken` is why its connection must not be used again. */
  release?(client: Client, broken: Error | undefined): void
  /** Lets no connection that was made until now be used again, since one of them has failed, or the server did not respond. */
  discard?(): void
  end(): Promise<void>
  /** Whether the server refused a statement and the connection can be used again. */
  isStatementError?(error: unknown): boolean
  /** The error for those who get no client. */
  unavailable(cause: unknown): Error
  readonly lateResponses?: LateResponses<Client>
  /** Whether an error of the work means that the server cannot be reached, where `connect` does not detect that. */
  isUnreachable?(error: unknown): boolean
}

/**
 * Limits the clients in use and those who wait for one. While the server is unavailable, a caller tries to connect when the
 * backoff is over, and all others are refused at once. The next attempt does not wait for the last one to time out, since what
 * was sent to a server that was stopped or cut off may be lost.
 */
export function createServerConnection<Client>(
  driver: ServerDriver<Client>,
  now: () => number = () => performance.now(),
): ServerConnection<Client> {
  const limiter = createLimiter({
    concurrencyMax: driver.connectionsMax,
    waitingMax: driver.waitingMax,
    refusal: 'Too many requests are waiting for the database.',
  })
  const availability = createAvailability({
    now,
    unavailable: driver.unavailable,
    discard: () => driver.discard?.(),
  })
  let closed = false
  const lostResponses =
    driver.lateResponses &&
    findLostResponses(driver.lateResponses, () => {
      const begunIn = availability.epoch()
      return (error) =>
        error === undefined ? availability.recordResponse() : availability.recordFailure(error, begunIn)
    })

  async function connect(): Promise<Client> {
    if (closed) throw dependencyDown('The database is closed.')
    const waitMs = availability.beginAttempt()
    const begunIn = availability.epoch()
    const connecting = driver.connect().then(
      (client) => {
        if (driver.isUnreachable === undefined) availability.recordResponse()
        return client
      },
      (error: unknown) => {
        availability.recordFailure(error, begunIn)
        throw driver.unavailable(error)
      },
    )
    return waitMs === undefined ? connecting : unlessLate(connecting, waitMs)
  }

  /** When the next attempt is due, the caller is refused, so that it can be made; this one goes on. */
  async function unlessLate(connecting: Promise<Client>, waitMs: number): Promise<Client> {
    let isLate = false
    connecting.then(
      (client) => isLate && driver.release?.(client, undefined),
      () => {},
    )
    return withTimeout(waitMs, connecting).catch((error: unknown) => {
      if (!(error instanceof TimeoutError)) throw error
      isLate = true
      throw driver.unavailable(error)
    })
  }

  /** Whether the connection can be used again. AppErrors and TypeErrors are made after a response was understood. */
  function isHarmless(error: unknown): boolean {
    return (
      error instanceof AppError || error instanceof TypeError || driver.isStatementError?.(error) === true
    )
  }

  /** Why the connection must not be used again; undefined if it can be. */
  function connectionFault(error: unknown, begunIn: number): Error | undefined {
    if (driver.isUnreachable?.(error)) availability.recordFailure(error, begunIn)
    if (isHarmless(error)) {
      availability.recordResponse()
      return undefined
    }
    availability.recordBroken(begunIn)
    return error instanceof Error ? error : new Error(String(error))
  }

  return {
    use: (work) =>
      limiter(async () => {
        const client = await connect()
        const begunIn = availability.epoch()
        const endWatch = lostResponses?.watch(client)
        let broken: Error | undefined
        try {
          const result = await work(client)
          availability.recordResponse()
          return result
        } catch (error) {
          broken = connectionFault(error, begunIn)
          throw error
        } finally {
          endWatch?.()
          driver.release?.(client, broken)
        }
      }),
    async close() {
      if (closed) return
      closed = true
      lostResponses?.stop()
      await driver.end()
    },
  }
}
