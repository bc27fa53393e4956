import type { Clock } from '@quintet/chassis/clock'

const windowMs = 10_000
/** So many may always be retried in a window, since a share of a few requests would be none. */
const retriesMin = 3

/** Keeps retries to a share of the requests, so that they cannot multiply the load on an upstream that is in trouble. */
export function createRetryBudget({ clock, percent }: { clock: Clock; percent: number }) {
  let windowStartMs = clock.now()
  let requests = 0
  let retries = 0

  function enterWindow(): void {
    if (clock.now() - windowStartMs < windowMs) return
    windowStartMs = clock.now()
    requests = 0
    retries = 0
  }

  return {
    countRequest(): void {
      enterWindow()
      requests += 1
    },
    /** Whether one more request may be retried; that counts as done. */
    take(): boolean {
      enterWindow()
      if (percent === 0 || retries >= Math.max(retriesMin, (requests * percent) / 100)) return false
      retries += 1
      return true
    },
  }
}
