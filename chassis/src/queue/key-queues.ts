/** Messages in the order of their keys. */
type KeyQueues<M> = {
  add(message: M): void
  /** Removes the first message of a key, so that the next one becomes the first; any message without a key. */
  remove(message: M): void
  /** Removes all messages but these, of which none becomes the first. */
  keep(messages: ReadonlySet<M>): void
}

/**
 * Only the first message of each key may be handled. `onFirst` is called for each that has become the first one, at once for those without a
 * key, whose `keyOf` is undefined.
 */
export function createKeyQueues<M>(
  keyOf: (message: M) => string | undefined,
  onFirst: (message: M) => void,
): KeyQueues<M> {
  const queues = new Map<string, M[]>()
  return {
    add(message) {
      const key = keyOf(message)
      const queue = key === undefined ? undefined : queues.get(key)
      if (key !== undefined && queue === undefined) queues.set(key, [message])
      queue?.push(message)
      if (queue === undefined) onFirst(message)
    },

    remove(message) {
      const key = keyOf(message)
      const queue = key === undefined ? undefined : queues.get(key)
      if (key === undefined || queue === undefined) return
      queue.shift()
      const [next] = queue
      if (next === undefined) queues.delete(key)
      else onFirst(next)
    },

    keep(messages) {
      for (const [key, queue] of queues) {
        const kept = queue.filter((message) => messages.has(message))
        if (kept.length === 0) queues.delete(key)
        else queues.set(key, kept)
      }
    },
  }
}
