import type { Clock } from '@quintet/chassis/clock'
import { createSampledBound } from '@quintet/chassis/concurrency'

const sampleIntervalMs = 100

/** Bounds the operations that are pending. Counting them costs in proportion to their number. */
export function createBacklog({
  clock,
  backlogMax,
  count,
}: {
  clock: Clock
  backlogMax: number
  count: () => Promise<number>
}) {
  const bound = createSampledBound({
    clock,
    sample: count,
    sampleIntervalMs,
    refusal: 'Too many operations are waiting; try again shortly.',
    retryAfterSeconds: 2,
  })
  return {
    admit: <R>(store: () => Promise<R>): Promise<R> => bound.admit({ limit: backlogMax }, store),
  }
}
