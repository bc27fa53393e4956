/** Runs what may be done after an answer, and what somebody else does later where it is left undone. */
export type BackgroundTasks = {
  run(work: () => Promise<unknown>): void
  /** Waits for all that was begun. */
  drain(): Promise<void>
}

const concurrencyMax = 1_000

/** What fails, or comes when there is too much of it, is left to the sweeper. */
export function createBackgroundTasks(): BackgroundTasks {
  const running = new Set<Promise<unknown>>()
  return {
    run(work) {
      if (running.size >= concurrencyMax) return
      const one = work()
        .catch(() => {})
        .finally(() => running.delete(one))
      running.add(one)
    },
    async drain() {
      await Promise.all(running)
    },
  }
}
