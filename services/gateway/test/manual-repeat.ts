import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Repeat } from '../src/endpoints.ts'

/** Intervals whose end a test says. */
export function createManualRepeat() {
  const running = new Map<() => void, number>()
  const repeat: Repeat = (callback, ms) => {
    const own = () => callback()
    running.set(own, ms)
    return () => running.delete(own)
  }
  return {
    repeat,
    count: () => running.size,
    /** The interval of this length is over. */
    async fire(ms: number): Promise<void> {
      for (const [callback, interval] of running) if (interval === ms) callback()
      await nextTurn()
    },
  }
}
