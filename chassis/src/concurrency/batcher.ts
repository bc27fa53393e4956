/** Takes what is to travel to a server, and sends it together with others of its kind. */
export type Batcher<T> = { add(one: T): void }

/** A call costs the server as much as ten of what it carries, so that fewer are not worth one before the turn ends. */
const earlyFlushMin = 4

/**
 * What waits leaves as one call as soon as it is half of all that were lately on their way, so that the server works on one
 * half while the other is answered and gathered: did all leave together, they would all come back together, and either
 * side would wait while the other works. Fewer leave at the end of the turn of the event loop, beside another call only when
 * they are as many as that carries. What is added at once, with nothing awaited between, keeps its order: it leaves
 * together, or, where it is more than `batchSizeMax`, as calls that wait for each other. `run` settles all of a call, and must
 * not reject.
 */
export function createBatcher<T>(
  run: (batch: readonly T[]) => Promise<void>,
  {
    batchesInFlightMax: atOnceMax,
    batchSizeMax: batchSizeMax,
  }: { batchesInFlightMax: number; batchSizeMax: number },
): Batcher<T> {
  const waiting: T[] = []
  let batchesInFlight = 0
  let itemsInFlight = 0
  /** How many were lately on their way at once; what has become less is believed slowly. */
  let recentItemsInFlight = 0
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
    if (waiting.length === 0 || batchesInFlight >= (isSplit ? 1 : atOnceMax)) return false
    return waiting.length >= Math.min(itemsInFlight, flushThreshold())
  }

  function flushThreshold(): number {
    return recentItemsInFlight / 2
  }

  return {
    add(one) {
      waiting.push(one)
      if (isAddingInTurn || batchesInFlight >= atOnceMax) return
      isAddingInTurn = true
      void resolved.then(flushIfLarge)
    },
  }
}

/** What is done when this is, is done once the code that runs now has ended; a promise for each would be one to collect. */
const resolved = Promise.resolve()
