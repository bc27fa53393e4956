import type { Clock } from '@quintet/chassis/clock'

const windowMs = 10_000
/** Always allowed in a window, since a share of a few requests would be none. */
const retriesMin = 3

/** Limits retries to a share of the requests, so that they do not multiply the load on a failing upstream. */
export function createRetryBudget({ clock, percent }: { clock: Clock; percent: number }) {
  let windowStartMs = clock.now()
  let requests = 0
  let retries = 0

  function startWindowIfOver(): void {
    if (clock.now() - windowStartMs < windowMs) return
    windowStartMs = clock.now()
    requests = 0
    retries = 0
  }

  return {
    countRequest(): void {
      startWindowIfOver()
      requests += 1
    },
    /** Whether one more request may be retried; counts it if so. */
    tryConsume(): boolean {
      startWindowIfOver()
      if (percent === 0 || retries >= Math.max(retriesMin, (requests * percent) / 100)) return false
      retries += 1
      return true
    },
  }
}
