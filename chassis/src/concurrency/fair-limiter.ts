import { AppError } from '../errors/index.ts'

/**
 * Runs the work when there is room for it, for parties such as the address and the account of a login. Settles as the work does, or
 * rejects with `too_many_requests` if its parties have most of what waits, else with `overloaded`.
 */
export type FairLimiter = <R>(parties: readonly string[], work: () => Promise<R>) => Promise<R>

type Waiter = { readonly parties: readonly string[]; start(): void; refuse(error: AppError): void }

/**
 * Like `createLimiter`, but no party keeps the others out, however much it sends. Of those that wait, the work whose parties have
 * the least waiting starts next; and when no more may wait, that whose parties have the most is refused, the newest first (longest
 * queue drop: McKenney, Stochastic Fairness Queueing, 1990).
 */
export function createFairLimiter({
  concurrencyMax,
  waitingMax,
  refusal,
}: {
  concurrencyMax: number
  waitingMax: number
  refusal: string
}): FairLimiter {
  const waiting: Waiter[] = []
  const counts = new Map<string, number>()
  let running = 0

  /** How much waits of these parties, each counted by itself. */
  const weightOf = ({ parties }: Pick<Waiter, 'parties'>) =>
    parties.reduce((sum, party) => sum + (counts.get(party) ?? 0), 0)

  function count(parties: readonly string[], change: 1 | -1): void {
    for (const party of parties) {
      const next = (counts.get(party) ?? 0) + change
      if (next === 0) counts.delete(party)
      else counts.set(party, next)
    }
  }

  function remove(waiter: Waiter): void {
    waiting.splice(waiting.indexOf(waiter), 1)
    count(waiter.parties, -1)
  }

  function enqueue(waiter: Waiter): void {
    waiting.push(waiter)
    count(waiter.parties, 1)
    if (waiting.length <= waitingMax) return
    const dropped = waiting.reduce((most, other) => (weightOf(other) >= weightOf(most) ? other : most))
    const hasMost = weightOf(dropped) > dropped.parties.length
    remove(dropped)
    dropped.refuse(
      new AppError(hasMost ? 'too_many_requests' : 'overloaded', refusal, { retryAfterSeconds: 1 }),
    )
  }

  function acquire(parties: readonly string[]): Promise<void> | undefined {
    if (running < concurrencyMax) {
      running += 1
      return undefined
    }
    return new Promise((start, refuse) => enqueue({ parties, start, refuse }))
  }

  /** Hands the slot to the next without freeing it, so that no newcomer overtakes. */
  function release(): void {
    const [first] = waiting
    if (first === undefined) {
      running -= 1
      return
    }
    const next = waiting.reduce((least, other) => (weightOf(other) < weightOf(least) ? other : least), first)
    remove(next)
    next.start()
  }

  return async (parties, work) => {
    await acquire(parties)
    try {
      return await work()
    } finally {
      release()
    }
  }
}
