/** How many begin in one turn of the event loop. */
const begunPerTurnMax = 4

/**
 * Calls `begin` for some connections in each turn of the event loop, in the order in which they became ready, so that requests that
 * have not waited come between those that have. `begin` may make its connection ready again.
 */
export function inTurn<Connection>(begin: (connection: Connection) => void): (ready: Connection) => void {
  const ready: Connection[] = []
  let isScheduled = false

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(beginSome)
  }

  function beginSome(): void {
    isScheduled = false
    for (let left = begunPerTurnMax; left > 0; left -= 1) {
      const next = ready.shift()
      if (next === undefined) return
      begin(next)
    }
    if (ready.length > 0) schedule()
  }

  return (connection) => {
    ready.push(connection)
    schedule()
  }
}
