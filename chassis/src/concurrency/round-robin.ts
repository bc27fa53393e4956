import { AppError } from '../errors/index.ts'
import type { LimiterOptions } from './limiter.ts'
import { createSlots } from './slots.ts'
import type { Waiter } from './slots.ts'

/**
 * Runs the work of a party, such as a client, when it is its turn. Settles as the work does, or rejects with `too_many_requests` if its
 * party has most of what waits, else with `overloaded`.
 */
type RoundRobin = <R>(party: string, work: () => Promise<R>) => Promise<R>

type Work = { readonly party: string }

/**
 * Like `createLimiter`, but each party has a line of its own, and the lines take turns (fair queuing: Nagle, RFC 970): so a party with
 * much work, or one that adds more as soon as some has ended, delays the others no more than one with little. Beyond `waitingMax` the
 * newest work of the longest line is refused.
 */
export function createRoundRobin({ concurrencyMax, waitingMax, refusal }: LimiterOptions): RoundRobin {
  /** In the order of their turns. */
  const lines = new Map<string, Waiter[]>()
  let waiting = 0
  let lastParty = ''

  /** Moves the line of the work that started last behind all others, including those that have come since. */
  function endTurn(): void {
    const line = lines.get(lastParty)
    if (line === undefined) return
    lines.delete(lastParty)
    lines.set(lastParty, line)
  }

  function refuseOne(): void {
    let [longest, length] = ['', 0]
    for (const [party, line] of lines) if (line.length >= length) [longest, length] = [party, line.length]
    const line = lines.get(longest)
    const refused = line?.pop()
    if (line?.length === 0) lines.delete(longest)
    waiting -= 1
    const code = length > 1 ? 'too_many_requests' : 'overloaded'
    refused?.refuse(new AppError(code, refusal, { retryAfterSeconds: 1 }))
  }

  const run = createSlots<Work>(concurrencyMax, {
    add(waiter) {
      const line = lines.get(waiter.party)
      if (line === undefined) lines.set(waiter.party, [waiter])
      else line.push(waiter)
      waiting += 1
      if (waiting > waitingMax) refuseOne()
    },
    next() {
      endTurn()
      for (const [party, line] of lines) {
        lastParty = party
        const first = line.shift()
        if (line.length === 0) lines.delete(party)
        waiting -= 1
        return first
      }
      return undefined
    },
  })
  return (party, work) => run({ party }, work)
}
