import type { Delivery } from '../port.ts'
import { messageOf } from './message.ts'
import type { KafkaRecord } from './message.ts'

/** A message that was read and is not done with; `attempt` is the next one, or the one under way. */
export type PendingMessage = {
  readonly partition: number
  readonly offset: bigint
  readonly message: Omit<Delivery, 'attempt'>
  attempt: number
  done: boolean
}

export type PendingMessages = ReturnType<typeof createPendingMessages>

/**
 * What a consumer holds of its partitions. Of the messages of one key only the first can be taken, so that they keep their
 * order while other keys go beside them. A group of Kafka knows one number per partition, so what can be committed is the
 * place of the first message that is not done.
 */
export function createPendingMessages() {
  const ready: PendingMessage[] = []
  const keyQueues = new Map<string, PendingMessage[]>()
  const unfinished = new Map<number, PendingMessage[]>()
  const committable = new Map<number, bigint>()
  let size = 0

  return {
    get size(): number {
      return size
    },

    hold(record: KafkaRecord): void {
      const { partition, offset } = record
      const held: PendingMessage = { partition, offset, message: messageOf(record), attempt: 1, done: false }
      size += 1
      const line = unfinished.get(partition) ?? []
      line.push(held)
      unfinished.set(partition, line)
      if (held.message.key === '') ready.push(held)
      else {
        const keyQueue = keyQueues.get(keyQueueOf(held)) ?? []
        keyQueue.push(held)
        keyQueues.set(keyQueueOf(held), keyQueue)
        if (keyQueue.length === 1) ready.push(held)
      }
    },

    hasReady: (): boolean => ready.length > 0,

    take: (max: number): PendingMessage[] => ready.splice(0, max),

    /** The next attempt may begin. */
    again(held: PendingMessage): void {
      held.attempt += 1
      ready.push(held)
    },

    finish(held: PendingMessage): void {
      held.done = true
      size -= 1
      const chain = keyQueues.get(keyQueueOf(held))
      if (held.message.key !== '' && chain !== undefined) {
        chain.shift()
        const [next] = chain
        if (next === undefined) keyQueues.delete(keyQueueOf(held))
        else ready.push(next)
      }
      const line = unfinished.get(held.partition) ?? []
      const first = line.findIndex(({ done }) => !done)
      const last = line.splice(0, first === -1 ? line.length : first).at(-1)
      if (last !== undefined) committable.set(held.partition, last.offset + 1n)
    },

    /** What has become committable since it was asked for last. */
    takeCommittable(): Map<number, bigint> {
      const taken = new Map(committable)
      committable.clear()
      return taken
    },

    /** What could not be committed is there for the next time, unless that has more already. */
    giveBack(taken: ReadonlyMap<number, bigint>): void {
      for (const [partition, offset] of taken)
        if (!committable.has(partition)) committable.set(partition, offset)
    },
  }
}

function keyQueueOf({ partition, message }: PendingMessage): string {
  return `${partition} ${message.key}`
}
