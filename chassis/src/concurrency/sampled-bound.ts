import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'

export type SampledBound = {
  /** Runs work that adds `count` items, unless that would exceed `limit`: then it rejects with `overloaded`. */
  admit<R>(items: { readonly count?: number; readonly limit: number }, work: () => Promise<R>): Promise<R>
}

/**
 * Bounds a number of stored items that is too expensive to count for each addition. It is the last sample plus what this
 * process has added since, so it never falls behind the additions of one process; several processes may exceed the bound
 * by what they add between two samples. Removals show in the next sample.
 */
export function createSampledBound({
  clock,
  sample,
  sampleIntervalMs,
  refusalSampleAgeMs = sampleIntervalMs,
  refusal,
  retryAfterSeconds = 1,
}: {
  clock: Clock
  /** Counts the stored items. */
  sample: () => Promise<number>
  /** A sample of this age is renewed before the next addition. */
  sampleIntervalMs: number
  /** The same before an addition is refused: that may need a newer sample. */
  refusalSampleAgeMs?: number
  refusal: string
  retryAfterSeconds?: number
}): SampledBound {
  let sampled = 0
  let addedSince = 0
  let inFlight = 0
  let sampledAtMs = Number.NEGATIVE_INFINITY
  let sampling: Promise<void> | undefined

  const exceeds = (limit: number, count: number) => sampled + addedSince + inFlight + count > limit

  /** True also when the clock was set back. */
  function isSampleOlderThan(ageMs: number): boolean {
    const age = clock.now() - sampledAtMs
    return age >= ageMs || age < 0
  }

  /** Additions that ended before the sample began are in it; the others stay counted beside it, at worst twice. */
  async function refresh(): Promise<void> {
    const addedBefore = addedSince
    const startedAtMs = clock.now()
    sampled = await sample()
    addedSince -= addedBefore
    sampledAtMs = startedAtMs
  }

  /** All who need a new sample share one. */
  function renewSample(): Promise<void> {
    sampling ??= refresh().finally(() => {
      sampling = undefined
    })
    return sampling
  }

  return {
    async admit({ count = 1, limit }, work) {
      if (isSampleOlderThan(exceeds(limit, count) ? refusalSampleAgeMs : sampleIntervalMs))
        await renewSample()
      if (exceeds(limit, count)) throw new AppError('overloaded', refusal, { retryAfterSeconds })
      inFlight += count
      try {
        return await work()
      } finally {
        // What failed may have been stored all the same.
        inFlight -= count
        addedSince += count
      }
    },
  }
}
