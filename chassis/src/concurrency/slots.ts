/** Chooses among the work that waits for a slot. */
type WaitingLine<W> = {
  /** Adds work, of which `start` is called when it is its turn, and `refuse` if it cannot wait. */
  add(work: W & Waiter): void
  /** Removes the work that is next; undefined if none waits. */
  next(): Waiter | undefined
}

export type Waiter = { start(): void; refuse(error: Error): void }

/** Runs up to `concurrencyMax` pieces of work at a time, and lets the others wait in a line. */
export function createSlots<W extends object>(
  concurrencyMax: number,
  line: WaitingLine<W>,
): <R>(details: W, work: () => Promise<R>) => Promise<R> {
  let running = 0

  function acquire(details: W): Promise<void> | undefined {
    if (running >= concurrencyMax)
      return new Promise((start, refuse) => line.add({ ...details, start, refuse }))
    running += 1
    return undefined
  }

  /** Hands the slot to the next without freeing it, so that no newcomer overtakes. */
  function release(): void {
    const next = line.next()
    if (next === undefined) running -= 1
    else next.start()
  }

  return async (details, work) => {
    await acquire(details)
    try {
      return await work()
    } finally {
      release()
    }
  }
}
