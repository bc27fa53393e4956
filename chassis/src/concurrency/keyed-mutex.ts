import { AppError } from '@quintet/chassis/errors'

const waitingMax = 1_000

/**
 * Lets those who work on one key in this process follow one another: they would else undo each other's tries, and more of
 * them the more there are. Other processes are met by the condition of the write itself.
 */
export function createTurns(): <R>(key: string, work: () => Promise<R>) => Promise<R> {
  const lines = new Map<string, { last: Promise<unknown>; length: number }>()

  return async (key, work) => {
    const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= waitingMax) throw new AppError('overloaded', 'Too many change the same at once.')
    lines.set(key, line)
    line.length += 1
    const mine = line.last.then(work)
    line.last = mine.catch(() => {})
    try {
      return await mine
    } finally {
      line.length -= 1
      if (line.length === 0) lines.delete(key)
    }
  }
}
