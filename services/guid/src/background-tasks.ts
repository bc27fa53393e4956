/** Runs what may be done after an answer, and what somebody else does later where it is left undone. */
export type Afterwards = {
  run(work: () => Promise<unknown>): void
  /** Waits for all that was begun. */
  done(): Promise<void>
}

const atOnceMax = 1_000

/** What fails, or comes when there is too much of it, is left to the sweeper. */
export function createAfterwards(): Afterwards {
  const running = new Set<Promise<unknown>>()
  return {
    run(work) {
      if (running.size >= atOnceMax) return
      const one = work()
        .catch(() => {})
        .finally(() => running.delete(one))
      running.add(one)
    },
    async done() {
      await Promise.all(running)
    },
  }
}
