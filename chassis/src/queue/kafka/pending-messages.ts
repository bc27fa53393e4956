import { createKeyQueues } from '../key-queues.ts'
import type { Delivery } from '../port.ts'
import { messageOf } from './message.ts'
import type { KafkaRecord } from './message.ts'

/** A message that was read and is not finished; `delivery.attempt` is the current attempt, or the next. */
export type PendingMessage = {
  readonly partition: number
  readonly offset: bigint
  delivery: Delivery
  isFinished: boolean
}

export type PendingMessages = ReturnType<typeof createPendingMessages>

/**
 * The messages that a consumer has read of its partitions. Of those of one key only the first can be taken, so that they keep
 * their order while other keys proceed. A group of Kafka has one offset for each partition, so the offset of the first
 * unfinished message is the one that can be committed.
 */
export function createPendingMessages() {
  const ready: PendingMessage[] = []
  const keyQueues = createKeyQueues<PendingMessage>(keyOf, (first) => ready.push(first))
  const partitions = new Map<number, PendingMessage[]>()
  const committable = new Map<number, bigint>()
  let size = 0
  let uncommitted = 0

  function advance(partition: number): void {
    const pending = partitions.get(partition) ?? []
    const first = pending.findIndex(({ isFinished }) => !isFinished)
    const finished = pending.splice(0, first === -1 ? pending.length : first)
    uncommitted -= finished.length
    const last = finished.at(-1)
    if (last !== undefined) committable.set(partition, last.offset + 1n)
  }

  return {
    get size(): number {
      return size
    },

    /** With those that are finished, but behind one that is not, so that their offsets cannot be committed. */
    get uncommitted(): number {
      return uncommitted
    },

    add(record: KafkaRecord): void {
      const { partition, offset } = record
      const delivery = { ...messageOf(record), attempt: 1 }
      const pending: PendingMessage = { partition, offset, delivery, isFinished: false }
      size += 1
      uncommitted += 1
      const inPartition = partitions.get(partition) ?? []
      partitions.set(partition, inPartition)
      inPartition.push(pending)
      keyQueues.add(pending)
    },

    take: (max: number): PendingMessage[] => ready.splice(0, max),

    /** Makes the message ready for its next attempt. */
    retry(pending: PendingMessage): void {
      pending.delivery = { ...pending.delivery, attempt: pending.delivery.attempt + 1 }
      ready.push(pending)
    },

    finish(pending: PendingMessage): void {
      pending.isFinished = true
      size -= 1
      keyQueues.remove(pending)
      advance(pending.partition)
    },

    /** The offsets that have become committable since the last call. */
    takeCommittable(): Map<number, bigint> {
      const taken = new Map(committable)
      committable.clear()
      return taken
    },

    /** Puts back offsets whose commit has failed, unless there are newer ones. */
    putBack(offsets: ReadonlyMap<number, bigint>): void {
      for (const [partition, offset] of offsets)
        if (!committable.has(partition)) committable.set(partition, offset)
    },
  }
}

function keyOf({ partition, delivery: { key } }: PendingMessage): string | undefined {
  return key === '' ? undefined : `${partition} ${key}`
}
