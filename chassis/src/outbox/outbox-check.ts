import type { Clock } from '../clock/index.ts'
import { durationClockOf } from '../clock/index.ts'
import type { Check } from '../promises/index.ts'
import type { Outbox } from './port.ts'

/** More than a relay takes to come back after any fault: a lease of 10 s, and up to 15 s after a clock was set. */
const waitMaxMs = 60_000

/**
 * A check that messages leave the outbox while the queue responds. How long the oldest one waits is measured from when a check has seen it
 * first, since the clocks of the processes that write the outbox may be wrong.
 */
export function checkOutbox({
  outbox,
  queue,
  clock,
}: {
  outbox: Pick<Outbox, 'oldest'>
  queue: { ping(): Promise<void> }
  clock: Clock
}): Check {
  const durations = durationClockOf(clock)
  let oldest: { readonly id: number | string; readonly since: number } | undefined
  return async () => {
    const [row] = await outbox.oldest(1)
    if (row === undefined) {
      oldest = undefined
      return { verdict: 'kept', found: 'No message waits in the outbox.', sample: 0 }
    }
    const now = durations.now()
    if (oldest?.id !== row.id) oldest = { id: row.id, since: now }
    const waitedMs = now - oldest.since
    const waited = `Message ${row.id} of the outbox has waited for at least ${Math.round(waitedMs / 1_000)} s`
    if (waitedMs <= waitMaxMs) return { verdict: 'kept', found: `${waited}.`, sample: 1 }
    await queue.ping()
    return { verdict: 'broken', found: `${waited}, although the queue responds.`, sample: 1 }
  }
}
