import type { Clock } from '@quintet/chassis/clock'
import type { StartTimer } from '../src/http1/exchange-timer.ts'

/** Timers that a test fires, by the time of its clock. */
export function createManualTimers(clock: Clock) {
  const dueMs = new Map<() => void, number>()

  const start: StartTimer = (callback, ms) => {
    const timer = () => callback()
    dueMs.set(timer, clock.now() + ms)
    return {
      refresh: () => dueMs.set(timer, clock.now() + ms),
      close: () => dueMs.delete(timer),
    }
  }

  return {
    start,
    /** Calls back those that are due. */
    fire(): void {
      for (const [timer, ms] of [...dueMs]) {
        if (ms > clock.now()) continue
        dueMs.delete(timer)
        timer()
      }
    },
  }
}
