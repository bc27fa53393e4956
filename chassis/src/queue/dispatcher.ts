import { inspect } from 'node:util'
import type { Clock } from '../clock/index.ts'
import { FailedAttempt, HandlingStopped } from './port.ts'
import type { BatchHandler, BatchOptions, Delivery } from './port.ts'

/** What differs between brokers: where a consumer's messages come from, and how their outcomes are recorded. */
export type MessageSource<M> = {
  /** Up to `max` messages that may be handled now, no two of one key; none if there are no more. */
  take(max: number): readonly M[]
  acknowledge(message: M): void
  /** Makes the message available again after a pause. */
  retry(message: M, afterMs: number): void | Promise<void>
  /** Makes the message available again at once; the attempt does not count. */
  release(message: M): void
  deadLetter(message: M, failure: FailureDetails): void | Promise<void>
}

export type FailureDetails = { readonly attempts: number; readonly reason: string; readonly failedAt: number }

type Dispatcher = {
  /** To be called when messages may have become available. */
  dispatch(): void
  /** Starts no more handlers; resolves when the running ones are done and their outcomes recorded. */
  stop(): Promise<void>
}

const reasonLengthMax = 500

/**
 * Passes messages to the handler, at most `concurrency` batches at a time, and decides for each one that fails: it is retried
 * with backoff until its last attempt, and becomes a dead letter then, or at once if it is poison.
 */
export function createDispatcher<M extends { readonly delivery: Delivery }>({
  source,
  handler,
  options: { concurrency, batchMax, attemptsMax, backoffMs },
  clock,
}: {
  source: MessageSource<M>
  handler: BatchHandler
  options: Required<BatchOptions>
  clock: Clock
}): Dispatcher {
  const inFlight = new Set<Promise<void>>()
  let handlers = 0
  let stopped = false

  function dispatch(): void {
    while (!stopped && handlers < concurrency) {
      const batch = source.take(batchMax)
      if (batch.length === 0) return
      const work = handle(batch)
      inFlight.add(work)
      void work.finally(() => inFlight.delete(work))
    }
  }

  async function handle(batch: readonly M[]): Promise<void> {
    handlers += 1
    const failures = await failuresOf(
      handler,
      batch.map(({ delivery }) => delivery),
    )
    handlers -= 1
    const outcomes = batch.map((message) => settle(message, failures))
    dispatch()
    await Promise.all(outcomes)
  }

  function settle(message: M, failures: ReadonlyMap<Delivery, unknown>): void | Promise<void> {
    const { delivery } = message
    if (!failures.has(delivery)) return source.acknowledge(message)
    const error = failures.get(delivery)
    if (error instanceof HandlingStopped) return source.release(message)
    const attempts = attemptOf(delivery, error)
    if (isLastAttempt(delivery, error, attemptsMax))
      return source.deadLetter(message, { attempts, reason: reasonOf(error), failedAt: clock.now() })
    return source.retry(message, backoffMs(attempts))
  }

  return {
    dispatch,
    async stop() {
      stopped = true
      while (inFlight.size > 0) await Promise.allSettled(inFlight)
    },
  }
}

/** The failed messages of a batch with their errors; all of them if the handler rejects. */
async function failuresOf(
  handler: BatchHandler,
  deliveries: readonly Delivery[],
): Promise<ReadonlyMap<Delivery, unknown>> {
  try {
    return await handler(deliveries)
  } catch (error) {
    return new Map(deliveries.map((delivery) => [delivery, error]))
  }
}

/** The number of the attempt that failed with this error. */
export function attemptOf(delivery: Delivery, error: unknown): number {
  return error instanceof FailedAttempt ? error.attempt : delivery.attempt
}

/** Whether the message becomes a dead letter by this error. */
export function isLastAttempt(delivery: Delivery, error: unknown, attemptsMax: number): boolean {
  return isPoison(error) || attemptOf(delivery, error) >= attemptsMax
}

/** Whether no retry can help the message that failed with this error. */
export function isPoison(error: unknown): boolean {
  return error instanceof Error && 'poison' in error && error.poison === true
}

/** A text of bounded length, whatever was thrown. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : inspect(error)).slice(0, reasonLengthMax)
}
