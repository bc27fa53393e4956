/** Collects items that go to one server, and sends those that are there together as one batch. */
export type Batcher<T> = { add(item: T): void }

/** A batch costs the server as much as ten of its items, so smaller ones wait for the end of the turn. */
const earlyFlushMin = 4

/**
 * Flushes a batch once it holds half of the recent in-flight count, so that the server executes one half while the other
 * fills: if all left together, they would all return together, and each side would wait while the other works. A smaller
 * batch is flushed at the end of the turn of the event loop, beside another one only if it is at least as large. Items that are
 * added in one synchronous run keep their order: they leave in one batch or, if there are more than `batchSizeMax`, in
 * batches that run one after the other. `run` settles all items of its batch and must not reject.
 */
export function createBatcher<T>(
  run: (batch: T[]) => Promise<void>,
  { batchesInFlightMax, batchSizeMax }: { batchesInFlightMax: number; batchSizeMax: number },
): Batcher<T> {
  const waiting: T[] = []
  let batchesInFlight = 0
  let itemsInFlight = 0
  /** The largest recent in-flight count; it decays by one with each flush. */
  let recentItemsInFlight = 0
  /** Whether the last batch left items behind that must not overtake it. */
  let isSplit = false
  let isAddingInTurn = false
  let isFlushScheduled = false

  function flushIfLarge(): void {
    isAddingInTurn = false
    if (waiting.length >= earlyFlushMin && waiting.length >= flushThreshold()) flush()
    else if (!isFlushScheduled) {
      isFlushScheduled = true
      setImmediate(flushAtEndOfTurn)
    }
  }

  function flushAtEndOfTurn(): void {
    isFlushScheduled = false
    flush()
  }

  function flush(): void {
    if (!mayFlush()) return
    const batch = waiting.splice(0, batchSizeMax)
    isSplit = waiting.length > 0
    batchesInFlight += 1
    itemsInFlight += batch.length
    recentItemsInFlight = Math.max(itemsInFlight, recentItemsInFlight - 1)
    void run(batch).then(() => {
      batchesInFlight -= 1
      itemsInFlight -= batch.length
      flush()
    })
  }

  function mayFlush(): boolean {
    if (waiting.length === 0 || batchesInFlight >= (isSplit ? 1 : batchesInFlightMax)) return false
    return waiting.length >= Math.min(itemsInFlight, flushThreshold())
  }

  function flushThreshold(): number {
    return recentItemsInFlight / 2
  }

  return {
    add(item) {
      waiting.push(item)
      if (isAddingInTurn || batchesInFlight >= batchesInFlightMax) return
      isAddingInTurn = true
      void resolved.then(flushIfLarge)
    },
  }
}

/** Its `then` runs a callback once the current synchronous code has ended; a promise per batch would be garbage to collect. */
const resolved = Promise.resolve()
