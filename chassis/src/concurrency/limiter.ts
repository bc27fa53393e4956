import { AppError } from '../errors/index.ts'

/** Runs the work when there is room for it; settles as the work does, or rejects with `overloaded`. */
type Limiter = <R>(work: () => Promise<R>) => Promise<R>

/**
 * Runs up to `concurrencyMax` pieces of work at a time while up to `waitingMax` wait, in order of arrival. Any more are
 * rejected with `overloaded` and the text `refusal`.
 */
export function createLimiter({
  concurrencyMax,
  waitingMax,
  refusal,
}: {
  concurrencyMax: number
  waitingMax: number
  refusal: string
}): Limiter {
  const waiting: (() => void)[] = []
  let running = 0

  async function acquire(): Promise<void> {
    if (running < concurrencyMax) {
      running += 1
      return
    }
    if (waiting.length >= waitingMax) throw new AppError('overloaded', refusal)
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await promise
  }

  /** Hands the slot to the next in line without freeing it, so that no newcomer overtakes. */
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
