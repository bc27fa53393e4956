import type { Unit } from './gcra.ts'
import type { Levels } from './store.ts'

/** A request that waits for Redis; one that is charged has nobody who waits. */
export type Pending = {
  readonly units: readonly Unit[]
  readonly kind: 'decide' | 'charge'
  readonly addedAt: number
  isSettled: boolean
  settle(levels: Levels): void
}

/** Requests that wait, in the order in which they came. `onLate` is called once the oldest has waited for `budgetMs`. */
export function createPendingDecisions({ budgetMs, onLate }: { budgetMs: number; onLate(): void }) {
  let all: Pending[] = []
  let timer: NodeJS.Timeout | undefined

  /** One timer while something waits. Replies that have arrived are read first: a process that was busy itself does not take Redis for slow. */
  function startTimer(ms: number): void {
    timer ??= setTimeout(() => setImmediate(check), ms).unref()
  }

  function check(): void {
    timer = undefined
    const first = all.findIndex(({ isSettled }) => !isSettled)
    all.splice(0, first < 0 ? all.length : first)
    const [oldest] = all
    if (oldest === undefined) return
    const leftMs = oldest.addedAt + budgetMs - performance.now()
    if (leftMs > 0) startTimer(leftMs)
    else onLate()
  }

  return {
    add(one: Pending): void {
      all.push(one)
      startTimer(budgetMs)
    },
    /** Those that still wait, which are forgotten here. */
    takeAll(): Pending[] {
      const waiting = all.filter(({ isSettled }) => !isSettled)
      all = []
      return waiting
    },
    stop: () => clearTimeout(timer),
  }
}
