import { AppError } from '../errors/index.ts'
import type { LimiterOptions } from './limiter.ts'
import { createSlots } from './slots.ts'
import type { Waiter } from './slots.ts'

/**
 * Runs the work when there is room for it, for parties such as the address and the account of a login. Settles as the work does, or
 * rejects with `too_many_requests` if its parties have most of what waits, else with `overloaded`.
 */
type FairLimiter = <R>(parties: readonly string[], work: () => Promise<R>) => Promise<R>

type Work = { readonly parties: readonly string[] }

/**
 * Like `createLimiter`, but fair between parties. The waiting work whose parties have the least work waiting starts next; when no
 * more may wait, the work whose parties have the most is refused, the newest first (longest queue drop: McKenney, Stochastic
 * Fairness Queueing, 1990).
 */
export function createFairLimiter({ concurrencyMax, waitingMax, refusal }: LimiterOptions): FairLimiter {
  const waiting: (Work & Waiter)[] = []
  const counts = new Map<string, number>()

  /** How much waits of these parties, each counted by itself. */
  const weightOf = ({ parties }: Work) => parties.reduce((sum, party) => sum + (counts.get(party) ?? 0), 0)

  function count(parties: readonly string[], change: 1 | -1): void {
    for (const party of parties) {
      const next = (counts.get(party) ?? 0) + change
      if (next === 0) counts.delete(party)
      else counts.set(party, next)
    }
  }

  function remove(waiter: Work & Waiter): void {
    waiting.splice(waiting.indexOf(waiter), 1)
    count(waiter.parties, -1)
  }

  const run = createSlots<Work>(concurrencyMax, {
    add(waiter) {
      waiting.push(waiter)
      count(waiter.parties, 1)
      if (waiting.length <= waitingMax) return
      const dropped = waiting.reduce((most, other) => (weightOf(other) >= weightOf(most) ? other : most))
      const hasMost = weightOf(dropped) > dropped.parties.length
      remove(dropped)
      dropped.refuse(
        new AppError(hasMost ? 'too_many_requests' : 'overloaded', refusal, { retryAfterSeconds: 1 }),
      )
    },
    next() {
      const [first] = waiting
      if (first === undefined) return undefined
      const least = waiting.reduce((one, other) => (weightOf(other) < weightOf(one) ? other : one), first)
      remove(least)
      return least
    },
  })
  return (parties, work) => run({ parties }, work)
}
