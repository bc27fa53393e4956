import { AppError } from '../errors/index.ts'

const waitingMax = 1_000

/** Runs the work of one key in order of arrival, one at a time; work of different keys runs in parallel. */
type KeyedMutex = <R>(key: string, work: () => Promise<R>) => Promise<R>

/**
 * A mutex for each key, within this process. It spares optimistic writers of one key the retries that they would cause each
 * other; other processes are excluded by the condition of the write itself.
 */
export function createKeyedMutex(): KeyedMutex {
  const queues = new Map<string, { last: Promise<unknown>; length: number }>()

  return async (key, work) => {
    const queue = queues.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (queue.length >= waitingMax)
      throw new AppError('overloaded', 'Too many concurrent changes to this resource; retry.')
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
