import type { Clock } from '@quintet/chassis/clock'

const limits = {
  halfMs: 5_000,
  /** Always allowed, since a share of a few requests would be none. */
  retriesMin: 3,
}

/**
 * Limits retries to a share of the requests of the last five to ten seconds, so that they do not multiply the load on a failing upstream.
 * Counted in two halves, so that there is never a moment with few requests, in which the fault of a busy upstream would use it up.
 */
export function createRetryBudget({ clock, percent }: { clock: Clock; percent: number }) {
  let startedAtMs = clock.now()
  let before = { requests: 0, retries: 0 }
  let now = { requests: 0, retries: 0 }

  function roll(): void {
    const halves = Math.floor((clock.now() - startedAtMs) / limits.halfMs)
    if (halves < 1) return
    before = halves === 1 ? now : { requests: 0, retries: 0 }
    now = { requests: 0, retries: 0 }
    startedAtMs += halves * limits.halfMs
  }

  return {
    countRequest(): void {
      roll()
      now.requests += 1
    },
    /** Whether one more request may be retried; counts it if so. */
    tryConsume(): boolean {
      roll()
      const max = Math.max(limits.retriesMin, ((before.requests + now.requests) * percent) / 100)
      if (percent === 0 || before.retries + now.retries >= max) return false
      now.retries += 1
      return true
    },
  }
}
