import type { Clock } from '@quintet/chassis/clock'

const limits = {
  halfMs: 5_000,
  /** The share of faults among fewer calls is not significant. */
  callsMin: 20,
}

/** Counts the calls and the faults of the last five to ten seconds, in two halves. */
export function createFaultWindow(clock: Clock) {
  let startedAtMs = clock.now()
  let before = { calls: 0, faults: 0 }
  let now = { calls: 0, faults: 0 }

  function roll(): void {
    const elapsedMs = clock.now() - startedAtMs
    if (elapsedMs >= 0 && elapsedMs < limits.halfMs) return
    before = elapsedMs >= 0 && elapsedMs < 2 * limits.halfMs ? now : { calls: 0, faults: 0 }
    now = { calls: 0, faults: 0 }
    startedAtMs = clock.now()
  }

  return {
    record(isFault: boolean): void {
      roll()
      now.calls += 1
      if (isFault) now.faults += 1
    },
    /** Whether at least this share of the calls were faults. */
    isOver(percent: number): boolean {
      roll()
      const calls = before.calls + now.calls
      return calls >= limits.callsMin && (before.faults + now.faults) * 100 >= calls * percent
    },
    clear(): void {
      before = { calls: 0, faults: 0 }
      now = { calls: 0, faults: 0 }
    },
  }
}
