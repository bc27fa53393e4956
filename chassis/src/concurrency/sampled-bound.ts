import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'

type SampledBound = {
  /** Runs work that adds `count` items, unless that would exceed `limit`: then it rejects with `overloaded`. */
  admit<R>(items: { readonly count?: number; readonly limit: number }, work: () => Promise<R>): Promise<R>
}

type SampledBoundOptions = {
  clock: Clock
  /** Counts the stored items. */
  sample: () => Promise<number>
  /** A sample of this age is renewed before the next addition. */
  sampleIntervalMs: number
  /** The same before an addition is refused: that may need a newer sample. */
  refusalSampleAgeMs?: number
  refusal: string
  retryAfterSeconds?: number
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
}: SampledBoundOptions): SampledBound {
  const durations = durationClockOf(clock)
  let sampled = 0
  let addedSince = 0
  let inFlight = 0
  let sampledAtMs = Number.NEGATIVE_INFINITY
  let sampling: Promise<void> | undefined

  const exceeds = (limit: number, count: number) => sampled + addedSince + inFlight + count > limit

  /** True also when the clock was set back. */
  function isSampleOlderThan(ageMs: number): boolean {
    const age = durations.now() - sampledAtMs
    return age >= ageMs || age < 0
  }

  /** Additions that ended before the sample began are in it; the others stay counted beside it, at worst twice. */
  async function refresh(): Promise<void> {
    const addedBefore = addedSince
    const startedAtMs = durations.now()
    sampled = await sample()
    addedSince -= addedBefore
    sampledAtMs = startedAtMs
  }

  /** Concurrent callers share one sample. */
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

/** A bound for each key, such as the name of a queue; `sample` counts the items of one key. */
export function createSampledBounds({
  sample,
  ...options
}: Omit<SampledBoundOptions, 'sample'> & { sample: (key: string) => Promise<number> }): (
  key: string,
) => SampledBound {
  const bounds = new Map<string, SampledBound>()
  return (key) => {
    const bound = bounds.get(key) ?? createSampledBound({ ...options, sample: () => sample(key) })
    bounds.set(key, bound)
    return bound
  }
}
