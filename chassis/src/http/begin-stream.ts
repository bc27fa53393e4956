import type { ServerResponse } from 'node:http'
import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { decisionOf } from '../guard/index.ts'
import { setEndless } from './connections/exchanges.ts'

/** How long a stream of a principal is open: its client connects again and is authenticated anew, so that a revocation takes effect. */
const openMsMax = 300_000
/** The clock of the machine may be set meanwhile. */
const checkIntervalMs = 250

/**
 * Begins a response without an end of its own, as one of server-sent events. If a principal has sent the request, `end` is called when
 * its token or API key is not accepted any more, after five minutes at most: who may read a stream is decided when it begins.
 */
export function beginStream(
  response: ServerResponse,
  {
    clock,
    end,
    isLimited = false,
  }: {
    readonly clock: Clock
    readonly end: () => void
    /** Whether it ends after five minutes though no guard of the app has admitted a principal, as where the app decides itself. */
    readonly isLimited?: boolean
  },
): void {
  setEndless(response)
  const principal = decisionOf(response.req)?.principal
  if ((principal === undefined && !isLimited) || response.destroyed) return
  const expiresAt = principal?.expiresAt ?? Number.POSITIVE_INFINITY
  const durations = durationClockOf(clock)
  const endsAt = durations.now() + openMsMax
  const leftMs = () => Math.max(0, Math.min(endsAt - durations.now(), expiresAt - clock.now()))
  let timer: NodeJS.Timeout | undefined

  function wait(): void {
    timer = setTimeout(() => (leftMs() > 0 ? wait() : end()), Math.min(leftMs(), checkIntervalMs)).unref()
  }

  response.once('close', () => clearTimeout(timer))
  wait()
}
