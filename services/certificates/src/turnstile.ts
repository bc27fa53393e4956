import { AppError } from '@quintet/chassis/errors'

/** Lets so many through at once and so many wait, in the order of their coming; others are refused as `overloaded`. */
export function createTurnstile({ atOnceMax, waitingMax }: { atOnceMax: number; waitingMax: number }) {
  const waiting: (() => void)[] = []
  let inside = 0

  async function enter(): Promise<void> {
    if (inside < atOnceMax) inside += 1
    else if (waiting.length < waitingMax) await new Promise<void>((resolve) => waiting.push(resolve))
    else throw new AppError('overloaded', 'Too many passwords are being worked on; try again shortly.')
  }

  /** The place of one who leaves goes to the next one, without being free in between. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) inside -= 1
    else next()
  }

  return {
    async pass<R>(work: () => Promise<R>): Promise<R> {
      await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
