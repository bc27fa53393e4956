import { reconnectBackoffMs, TimeoutError, withTimeout } from '../../clock/index.ts'
import { createLimiter } from '../../concurrency/limiter.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
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

/** From the first attempt that failed to the first response of the server. */
type Outage = { error: unknown; attempts: number; retryAt: number }

/**
 * Limits the clients in use and those who wait for one. While the server is unavailable, a caller tries to connect when the
 * backoff is over, and all others are refused at once. The next attempt does not wait for the last one to time out, since what
 * was sent to a server that was stopped or cut off may be lost. Attempts that fail together, and what fails on connections
 * that were made before, are one failure.
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
  let outage: Outage | undefined
  /** Of the connections that were made, and of the attempts that began, since the last change between available and not. */
  let epoch = 0
  let closed = false
  const lostResponses =
    driver.lateResponses &&
    findLostResponses(driver.lateResponses, () => {
      const begunIn = epoch
      return (error) => (error === undefined ? recordResponse() : recordFailure(error, begunIn))
    })

  async function connect(): Promise<Client> {
    if (closed) throw dependencyDown('The database is closed.')
    const waitMs = outage === undefined ? undefined : beginAttempt(outage)
    const begunIn = epoch
    const connecting = driver.connect().then(
      (client) => {
        if (driver.isUnreachable === undefined) recordResponse()
        return client
      },
      (error: unknown) => {
        recordFailure(error, begunIn)
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

  /** How long it is until the next attempt. */
  function beginAttempt(current: Outage): number {
    if (now() < current.retryAt) throw driver.unavailable(current.error)
    current.attempts += 1
    const waitMs = reconnectBackoffMs(current.attempts)
    current.retryAt = now() + waitMs
    return waitMs
  }

  /** The pause was set when the attempt began, and a failure of an earlier epoch is known already. */
  function recordFailure(error: unknown, begunIn: number): void {
    if (outage !== undefined) outage.error = error
    else if (begunIn === epoch) {
      outage = { error, attempts: 1, retryAt: now() + reconnectBackoffMs(1) }
      discard()
    }
  }

  function recordResponse(): void {
    if (outage === undefined) return
    outage = undefined
    epoch += 1
  }

  function discard(): void {
    epoch += 1
    driver.discard?.()
  }

  /** Whether the connection can be used again. AppErrors and TypeErrors are made after a response was understood. */
  function isHarmless(error: unknown): boolean {
    return (
      error instanceof AppError || error instanceof TypeError || driver.isStatementError?.(error) === true
    )
  }

  /** Why the connection must not be used again; undefined if it can be. */
  function judge(error: unknown, begunIn: number): Error | undefined {
    if (driver.isUnreachable?.(error)) recordFailure(error, begunIn)
    if (isHarmless(error)) {
      recordResponse()
      return undefined
    }
    if (begunIn === epoch) discard()
    return error instanceof Error ? error : new Error(String(error))
  }

  return {
    use: (work) =>
      limiter(async () => {
        const client = await connect()
        const begunIn = epoch
        const endWatch = lostResponses?.watch(client)
        let broken: Error | undefined
        try {
          const result = await work(client)
          recordResponse()
          return result
        } catch (error) {
          broken = judge(error, begunIn)
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
