import { AppError } from '../errors/index.ts'

/** Gives work its turn, and what it gives or why it failed to whoever brought it. */
export type Limiter = <R>(work: () => Promise<R>) => Promise<R>

/** Lets so many at a time to a server, and so many more wait for their turn; the others are refused with `overloaded`. */
export function createLimiter(concurrencyMax: number, waitingMax: number): Limiter {
  const waiting: (() => void)[] = []
  let running = 0

  async function acquire(): Promise<void> {
    if (running < concurrencyMax) {
      running += 1
      return
    }
    if (waiting.length >= waitingMax)
      throw new AppError('overloaded', 'Too many are waiting for the database.')
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await promise
  }

  function release(): void {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  return async (work) => {
    await acquire()
    try {
      return await work()
    } finally {
      release()
    }
  }
}
