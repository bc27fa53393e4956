import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { idempotencyRetentionMs } from './port.ts'

/**
 * Whether records of the version that this process has replaced may still be valid: for as long as a key is, from this call on.
 * After that they need not be looked up any more. An upgrade looks like any other start, and a look-up without a result costs one
 * read by key, so they are looked up after each start.
 */
export function createUpgradePeriod(clock: Clock): () => boolean {
  const durations = durationClockOf(clock)
  const startedMs = durations.now()
  return () => durations.now() - startedMs < idempotencyRetentionMs
}
