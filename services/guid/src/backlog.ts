import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'

const countedAgainMs = 100

/**
 * Bounds the work that waits. Counting costs in proportion to the backlog, so it is done ten times a second at most; what
 * was admitted since is added, though some of it may be over, and what is being stored counts from its beginning.
 */
export function createBacklog({
  clock,
  backlogMax,
  count,
}: {
  clock: Clock
  backlogMax: number
  count: () => Promise<number>
}) {
  let counted = 0
  let storedSince = 0
  let beingStored = 0
  let countedAtMs = Number.NEGATIVE_INFINITY

  return {
    async admit<R>(store: () => Promise<R>): Promise<R> {
      if (clock.now() - countedAtMs >= countedAgainMs) {
        countedAtMs = clock.now()
        storedSince = 0
        counted = await count()
      }
      if (counted + storedSince + beingStored >= backlogMax)
        throw new AppError('overloaded', 'Too many operations are waiting; try again shortly.', {
          retryAfterSeconds: 2,
        })
      beingStored += 1
      try {
        return await store()
      } finally {
        beingStored -= 1
        storedSince += 1
      }
    },
  }
}
