/** The one source of time: milliseconds since the Unix epoch. Everything that judges time takes one as an argument. */
export type Clock = { now(): number }

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now() }

/** A clock that stands still until a test moves it, so that expiry can be tested at any hour without sleeping. */
export function createManualClock(
  startMs: number,
): Clock & { advance(byMs: number): void; set(toMs: number): void } {
  let nowMs = startMs
  return {
    now: () => nowMs,
    advance: (byMs) => {
      nowMs += byMs
    },
    set: (toMs) => {
      nowMs = toMs
    },
  }
}

/** From 100 ms, doubling up to 10 s, each halved at random at most, so that those who fail together do not come together. */
export function exponentialBackoffMs(attempt: number): number {
  return Math.min(10_000, 100 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
}

/**
 * By when an effect must have happened or never happen, in milliseconds of `performance.now()`; without `before`, at any
 * time. Whoever makes the effect judges it by the clock of the engine where it can, so that a process that was suspended on
 * its way there does no harm.
 */
export type Deadline = { readonly before?: number }

/** Something was not done in the time that it was given. */
export class TimeoutError extends Error {}

/** What the work gives, or a rejection with `TookTooLong`; the work goes on all the same. */
export async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TimeoutError(`There was no answer within ${ms} ms.`)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
