import type { Generation } from './view.ts'

const retryPauseMs = 1_000

export type Settling = ReturnType<typeof createSettling>

/**
 * Ends the doubt about markers that have expired: their writes may still be waiting for the disk or for a replica of the
 * database, whose `settle` shows when they have ended.
 */
export function createSettling(settle: () => Promise<void>, runUnawaited: (work: Promise<unknown>) => void) {
  let isRunning = false
  let retryAt = Number.NEGATIVE_INFINITY
  let settled = 0
  let failed = 0

  /** `redisTime` must be from before this call. */
  async function run(generation: Generation, redisTime: number): Promise<void> {
    isRunning = true
    try {
      await settle()
      generation.settledUntil = Math.max(generation.settledUntil, redisTime)
      settled += 1
    } catch {
      failed += 1
      retryAt = performance.now() + retryPauseMs
    } finally {
      isRunning = false
    }
  }

  return {
    /** Whether the reply of a script is `DOUBT<now>`; then the doubt is resolved in the background, or soon again. */
    resolve(generation: Generation, reply: string): boolean {
      if (!reply.startsWith('DOUBT')) return false
      if (!isRunning && performance.now() >= retryAt)
        runUnawaited(run(generation, Number(reply.slice('DOUBT'.length))))
      return true
    },
    stats: () => ({ settled, failed }),
  }
}
