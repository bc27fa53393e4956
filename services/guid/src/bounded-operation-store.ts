import type { Clock } from '@quintet/chassis/clock'
import { createSampledBound } from '@quintet/chassis/concurrency'
import type { OperationStore } from './port.ts'

const sampleIntervalMs = 100

/** A store that refuses operations with `overloaded` while too many are pending. They are counted at intervals, since that is slow. */
export function createBoundedOperationStore({
  store,
  clock,
  pendingMax,
  wake,
}: {
  store: OperationStore
  clock: Clock
  pendingMax: number
  /** Wakes the relay of the outbox. */
  wake: () => void
}): OperationStore {
  const bound = createSampledBound({
    clock,
    sample: () => store.countPending(pendingMax),
    sampleIntervalMs,
    refusal: 'Too many operations are waiting; try again shortly.',
    retryAfterSeconds: 2,
  })
  return {
    ...store,
    async accept(id, command, records) {
      await bound.admit({ limit: pendingMax }, () => store.accept(id, command, records))
      wake()
    },
  }
}
