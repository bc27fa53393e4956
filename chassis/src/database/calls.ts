/** Takes what is to travel to a server, and sends it together with others of its kind. */
export type Calls<T> = { add(one: T): void }

/**
 * What is added in one turn of the event loop, or while the calls before are on their way, leaves as one call of `perCallMax`
 * at most; what comes while none is on its way waits for nobody. `run` settles all of a call, and must not reject. A call costs the server nearly as much
 * whatever is in it, so another leaves beside one only once it takes as many along, and none while those travel that came in
 * one turn with what waits, which must not overtake them.
 */
export function createCalls<T>(
  run: (batch: readonly T[]) => Promise<void>,
  { atOnceMax, perCallMax }: { atOnceMax: number; perCallMax: number },
): Calls<T> {
  const waiting: T[] = []
  let travelling = 0
  let carried = 0
  let isCut = false
  let scheduled = false

  function dispatch(): void {
    scheduled = false
    if (!mayLeave()) return
    const batch = waiting.splice(0, perCallMax)
    isCut = waiting.length > 0
    travelling += 1
    carried += batch.length
    void run(batch).then(() => {
      travelling -= 1
      carried -= batch.length
      dispatch()
    })
  }

  function mayLeave(): boolean {
    if (waiting.length === 0 || travelling >= (isCut ? 1 : atOnceMax)) return false
    return travelling === 0 || waiting.length >= carried
  }

  return {
    add(one) {
      waiting.push(one)
      if (scheduled || travelling >= atOnceMax) return
      scheduled = true
      setImmediate(dispatch)
    },
  }
}
