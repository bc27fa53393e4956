import type { Clock } from '@quintet/chassis/clock'

/** A clock that stands still until a test moves it, so that expiry can be tested without sleeping. */
export function createManualClock(
  startMs: number,
): Clock & { advance(byMs: number): void; set(toMs: number): void } {
  let nowMs = startMs
  return {
    now: () => nowMs,
    advance: (byMs) => {
      nowMs += byMs
    },
    set: (toMs) => {
      nowMs = toMs
    },
  }
}
