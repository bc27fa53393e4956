/** Takes what is to travel to a server, and sends it together with others of its kind. */
export type Calls<T> = { add(one: T): void }

/** A call costs the server as much as ten of what it carries, so that fewer are not worth one before the turn ends. */
const earlyMin = 4

/**
 * What waits leaves as one call as soon as it is half of all that were lately on their way, so that the server works on one
 * half while the other is answered and gathered: did all leave together, they would all come back together, and either
 * side would wait while the other works. Fewer leave at the end of the turn of the event loop, beside another call only when
 * they are as many as that carries. What is added at once, with nothing awaited between, keeps its order: it leaves
 * together, or, where it is more than `perCallMax`, as calls that wait for each other. `run` settles all of a call, and must
 * not reject.
 */
export function createCalls<T>(
  run: (batch: readonly T[]) => Promise<void>,
  { atOnceMax, perCallMax }: { atOnceMax: number; perCallMax: number },
): Calls<T> {
  const waiting: T[] = []
  let travelling = 0
  let carried = 0
  /** How many were lately on their way at once; what has become less is believed slowly. */
  let carriedLately = 0
  let isCut = false
  let isAdding = false
  let isTurnAwaited = false

  function afterAdding(): void {
    isAdding = false
    if (waiting.length >= earlyMin && waiting.length >= half()) leave()
    else if (!isTurnAwaited) {
      isTurnAwaited = true
      setImmediate(afterTurn)
    }
  }

  function afterTurn(): void {
    isTurnAwaited = false
    leave()
  }

  function leave(): void {
    if (!mayLeave()) return
    const batch = waiting.splice(0, perCallMax)
    isCut = waiting.length > 0
    travelling += 1
    carried += batch.length
    carriedLately = Math.max(carried, carriedLately - 1)
    void run(batch).then(() => {
      travelling -= 1
      carried -= batch.length
      leave()
    })
  }

  function mayLeave(): boolean {
    if (waiting.length === 0 || travelling >= (isCut ? 1 : atOnceMax)) return false
    return waiting.length >= Math.min(carried, half())
  }

  function half(): number {
    return carriedLately / 2
  }

  return {
    add(one) {
      waiting.push(one)
      if (isAdding || travelling >= atOnceMax) return
      isAdding = true
      void added.then(afterAdding)
    },
  }
}

/** What is done when this is, is done once the code that runs now has ended; a promise for each would be one to collect. */
const added = Promise.resolve()
