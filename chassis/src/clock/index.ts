/** The source of time, in milliseconds since the Unix epoch where nothing else is said. Whatever depends on the time takes one as an argument. */
export type Clock = { now(): number }

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now() }

/** For durations: milliseconds since the start of the process, which do not jump when the clock of the machine is set. */
const monotonicClock: Clock = { now: () => performance.now() }

/** The same for all processes and threads of the machine, since its start, in which suspension may not count. */
export const machineClock: Clock = { now: () => Number(process.hrtime.bigint()) / 1e6 }

/** The clock for durations beside a clock for dates. One that a test has injected is for both. */
export function durationClockOf(clock: Clock): Clock {
  return clock === systemClock ? monotonicClock : clock
}

/**
 * 100 ms, doubled with each attempt up to `maxMs`, less up to half of it at random, so that clients that fail together do not
 * retry together.
 */
export function exponentialBackoffMs(attempt: number, maxMs = 10_000): number {
  return Math.min(maxMs, 100 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
}

/**
 * The pause before the next attempt to reach a server that is not available: up to 500 ms, so that it is used again within a
 * second of its return, and gets at most four attempts a second from each process.
 */
export function reconnectBackoffMs(attempt: number): number {
  return exponentialBackoffMs(attempt, 500)
}

/**
 * The time before which an effect must happen, or never, in milliseconds of `performance.now()`; none without `before`. Where
 * the engine can compare it with its own clock it does, so that a process that was suspended in between does no harm.
 */
export type Deadline = { readonly before?: number }

/** Work did not end in time. */
export class TimeoutError extends Error {}

/** Settles as the work does, or rejects with `TimeoutError` after `ms`; the work itself is not cancelled. */
export async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TimeoutError(`There was no response within ${ms} ms.`)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
