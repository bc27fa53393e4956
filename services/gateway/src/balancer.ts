import type { CircuitState } from './circuit.ts'

/** An address that may get a request. */
type Candidate = {
  readonly circuit: { state(): CircuitState }
  isReady(): boolean
  inFlight(): number
}

/**
 * Chooses among the addresses of a service the one with the fewest requests in flight, in turn where several have as few. One whose
 * circuit is not closed gets none, and one that is not ready none while others are: where none is, all of them are as good, since
 * what they need may be what they share.
 */
export function createBalancer<T extends Candidate>() {
  let turn = 0

  return {
    /** Undefined while every circuit is open. The address `failed` comes after the others, since a request has just failed there. */
    choose(candidates: readonly T[], failed?: T): T | undefined {
      let best: T | undefined
      let bestRank = Number.POSITIVE_INFINITY
      let bestInFlight = 0
      let bestAt = turn
      for (let step = 1; step <= candidates.length; step += 1) {
        const at = (turn + step) % candidates.length
        const candidate = candidates[at]
        if (candidate?.circuit.state() !== 'closed') continue
        const rank = (candidate.isReady() ? 0 : 2) + (candidate === failed ? 1 : 0)
        const inFlight = candidate.inFlight()
        if (rank > bestRank || (rank === bestRank && inFlight >= bestInFlight)) continue
        best = candidate
        bestRank = rank
        bestInFlight = inFlight
        bestAt = at
      }
      turn = bestAt
      return best
    },
  }
}
