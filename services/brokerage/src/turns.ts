import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '@quintet/chassis/errors'

export type Turns = {
  /** Whether there is time left in this turn of the event loop. */
  hasTime(): boolean
  /** Resolves in a later turn in which there is time left. */
  next(): Promise<void>
}

/** How long the work of all accounts may take in one turn of the event loop, beside the last piece of it. */
const turnMs = 5

/**
 * Shares the time of each turn of the event loop among all that have work for it, however many they are, so that requests of others are
 * served in between. `now` is in milliseconds.
 */
export function createTurns(now: () => number = () => performance.now()): Turns {
  let turn = -1
  let startedAt = 0

  function hasTime(): boolean {
    const { loopCount } = performance.nodeTiming.uvMetricsInfo
    if (loopCount === turn) return now() - startedAt < turnMs
    turn = loopCount
    startedAt = now()
    return true
  }

  return {
    hasTime,
    async next() {
      do await nextTurn()
      while (!hasTime())
    },
  }
}

/** The turns of work that rejects with `client_closed_request` in its next one once its result is not needed any more. */
export function turnsUntil(isAbandoned: () => boolean, turns: Turns): Turns {
  return {
    hasTime: () => !isAbandoned() && turns.hasTime(),
    async next() {
      if (!isAbandoned()) await turns.next()
      if (isAbandoned()) throw new AppError('client_closed_request', 'The client closed the connection.')
    },
  }
}
