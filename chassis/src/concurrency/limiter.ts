import { AppError } from '../errors/index.ts'

/** Gives work its turn, and what it gives or why it failed to whoever brought it. */
export type Gate = <R>(work: () => Promise<R>) => Promise<R>

/** Lets so many at a time to a server, and so many more wait for their turn; the others are refused with `overloaded`. */
export function createGate(atOnceMax: number, waitingMax: number): Gate {
  const waiting: (() => void)[] = []
  let working = 0

  async function enter(): Promise<void> {
    if (working < atOnceMax) {
      working += 1
      return
    }
    if (waiting.length >= waitingMax)
      throw new AppError('overloaded', 'Too many are waiting for the database.')
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await promise
  }

  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) working -= 1
    else next()
  }

  return async (work) => {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
