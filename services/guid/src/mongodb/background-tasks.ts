/** Runs work after a response that a sweeper does later where it fails. */
export type BackgroundTasks = {
  run(work: () => Promise<unknown>): void
  /** Waits for all running work. */
  drain(): Promise<void>
}

const concurrencyMax = 1_000

/** Work that fails, or that exceeds the limit, is left to the sweeper. */
export function createBackgroundTasks(): BackgroundTasks {
  const running = new Set<Promise<unknown>>()
  return {
    run(work) {
      if (running.size >= concurrencyMax) return
      const task = work()
        .catch(() => {})
        .finally(() => running.delete(task))
      running.add(task)
    },
    async drain() {
      await Promise.all(running)
    },
  }
}
