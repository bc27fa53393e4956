import type { TestContext } from 'node:test'

/** Lets a test set the clock of this process, as an operator or NTP sets that of a machine; its monotonic clocks go on. */
export function settableClock(t: TestContext): { setBy(ms: number): void } {
  const now = Date.now
  let offsetMs = 0
  t.mock.method(Date, 'now', () => now() + offsetMs)
  return {
    setBy(ms) {
      offsetMs += ms
    },
  }
}
