import { AppError } from '@quintet/chassis/errors'

const waitingMax = 1_000

/**
 * Lets those who work on one key in this process follow one another: they would else undo each other's tries, and more of
 * them the more there are. Other processes are met by the condition of the write itself.
 */
export function createKeyedMutex(): <R>(key: string, work: () => Promise<R>) => Promise<R> {
  const queues = new Map<string, { last: Promise<unknown>; length: number }>()

  return async (key, work) => {
    const queue = queues.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (queue.length >= waitingMax) throw new AppError('overloaded', 'Too many change the same at once.')
    queues.set(key, queue)
    queue.length += 1
    const result = queue.last.then(work)
    queue.last = result.catch(() => {})
    try {
      return await result
    } finally {
      queue.length -= 1
      if (queue.length === 0) queues.delete(key)
    }
  }
}
