import { reconnectBackoffMs } from '../../clock/index.ts'

/** From the first attempt that failed to the first response of the server. */
type Outage = { error: unknown; attempts: number; retryAt: number }

/**
 * Whether a server is available, as its responses and failures show, and when it is tried again while it is not. Attempts that
 * fail together, and what fails on connections that were made before, are one failure.
 */
export function createAvailability({
  now,
  unavailable,
  discard,
}: {
  /** In milliseconds. */
  now(): number
  /** The error for those who may not try to connect. */
  unavailable(cause: unknown): Error
  /** Lets no connection that was made until now be used again. */
  discard(): void
}) {
  let outage: Outage | undefined
  /** Of the connections that were made, and of the attempts that began, since the last change between available and not. */
  let epoch = 0

  function endEpoch(): void {
    epoch += 1
    discard()
  }

  return {
    /** What begins now belongs to this epoch. */
    epoch: () => epoch,

    /** While the server is unavailable, how long it is until the next attempt; throws if this one is not due. */
    beginAttempt(): number | undefined {
      if (outage === undefined) return undefined
      if (now() < outage.retryAt) throw unavailable(outage.error)
      outage.attempts += 1
      const waitMs = reconnectBackoffMs(outage.attempts)
      outage.retryAt = now() + waitMs
      return waitMs
    },

    /** The pause was set when the attempt began, and a failure of an earlier epoch is known already. */
    recordFailure(error: unknown, begunIn: number): void {
      if (outage !== undefined) outage.error = error
      else if (begunIn === epoch) {
        outage = { error, attempts: 1, retryAt: now() + reconnectBackoffMs(1) }
        endEpoch()
      }
    },

    recordResponse(): void {
      if (outage === undefined) return
      outage = undefined
      epoch += 1
    },

    /** A connection failed that was made in this epoch, so others of its time may have failed, too. */
    recordBroken(begunIn: number): void {
      if (begunIn === epoch) endEpoch()
    },
  }
}
