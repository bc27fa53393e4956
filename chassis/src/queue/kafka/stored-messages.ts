import { isDeadQueue } from '../port.ts'
import type { StoredMessage } from '../port.ts'
import type { KafkaCluster, Range } from './cluster.ts'
import { isRemoval, storedMessageOf } from './message.ts'
import type { KafkaRecord } from './message.ts'
import { openKafkaReader } from './reader.ts'

const deadLettersMax = 1_000_000

export type StoredMessages = ReturnType<typeof createStoredMessages>

/** Reads what queues hold: the records after the group's offsets, or the dead letters without a later record of removal. */
export function createStoredMessages(cluster: KafkaCluster) {
  async function heldRanges(topic: string): Promise<Range[]> {
    const ranges = await cluster.ranges(topic)
    if (isDeadQueue(topic) || ranges.length === 0) return ranges
    const committed = await cluster.committed(topic)
    return ranges.map(({ partition, start, end }) => {
      const offset = committed.get(partition) ?? -1n
      return { partition, start: offset < start || offset > end ? start : offset, end }
    })
  }

  /** Up to `limit` records of each partition. */
  async function recordsOf(topic: string, ranges: readonly Range[], limit: number): Promise<KafkaRecord[]> {
    const nonEmpty = ranges.filter(({ start, end }) => start < end)
    if (nonEmpty.length === 0) return []
    const reader = openKafkaReader(cluster, topic)
    try {
      const records: KafkaRecord[] = []
      for (const range of nonEmpty) records.push(...(await reader.read(range, limit)))
      return records
    } finally {
      void reader.close()
    }
  }

  async function deadLetters(topic: string): Promise<StoredMessage[]> {
    const ranges = await heldRanges(topic)
    const letters = new Map<string, StoredMessage>()
    for (const record of await recordsOf(topic, ranges, deadLettersMax)) {
      const letter = storedMessageOf(record, positionOf(record, ranges.length))
      letters.delete(letter.id)
      if (!isRemoval(record)) letters.set(letter.id, letter)
    }
    // When all of them are removed, so are the records that say so.
    if (letters.size === 0 && countOf(ranges) > 0) await cluster.truncate(topic, ranges)
    return [...letters.values()]
  }

  async function depth(topic: string): Promise<number> {
    if (isDeadQueue(topic)) return (await deadLetters(topic)).length
    return countOf(await heldRanges(topic))
  }

  async function list(
    topic: string,
    { limit, after, reason }: { limit: number; after: number; reason: string | undefined },
  ): Promise<StoredMessage[]> {
    if (isDeadQueue(topic)) {
      const letters = await deadLetters(topic)
      return letters
        .filter((letter) => reason === undefined || (letter.reason ?? '') === reason)
        .filter(({ position }) => position > after)
        .slice(0, limit)
    }
    const ranges = await heldRanges(topic)
    const page = ranges.map((range) => ({
      ...range,
      start: max(range.start, offsetAfter(after, range.partition, ranges.length)),
    }))
    const records = await recordsOf(topic, page, limit)
    return records
      .map((record) => storedMessageOf(record, positionOf(record, ranges.length)))
      .sort((a, b) => a.position - b.position)
      .slice(0, limit)
  }

  /** Undefined where the queue holds nothing. */
  async function oldestPublishedAt(topic: string): Promise<number | undefined> {
    const times = isDeadQueue(topic)
      ? (await deadLetters(topic)).map(({ publishedAt }) => publishedAt)
      : (await recordsOf(topic, await heldRanges(topic), 1)).map(({ timestamp }) => timestamp)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Removes all that a queue holds now; resolves to the number of messages. */
  async function truncate(topic: string): Promise<number> {
    const ranges = await heldRanges(topic)
    await cluster.truncate(topic, ranges)
    return countOf(ranges)
  }

  return { recordsOf, deadLetters, depth, list, oldestPublishedAt, truncate }
}

function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((count, { start, end }) => count + Number(end - start), 0)
}

/**
 * A number for a record among those of all partitions, which have no order among each other: the first records of all
 * partitions come first, then the second ones, and so on.
 */
function positionOf({ partition, offset }: KafkaRecord, partitions: number): number {
  return Number(offset) * partitions + partition + 1
}

function offsetAfter(position: number, partition: number, partitions: number): bigint {
  return BigInt(Math.max(0, Math.ceil((position - partition) / partitions)))
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
