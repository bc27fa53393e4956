import { Consumer } from '@platformatic/kafka'
import { answered, groupOf } from './cluster.ts'
import type { KafkaCluster, Range } from './cluster.ts'
import type { KafkaRecord } from './message.ts'

const partitionBytesMax = 262_144
const fetchBytesMax = 1_048_576
const readWithinMs = 10_000
const readWaitMs = 1_000
const isControl = 0x20

/** Where to read on in a partition. */
export type Place = { readonly partition: number; readonly offset: bigint }

/** What was read, in order per partition, and where to read on; offsets may be skipped, as those of control records. */
export type Fetched = { readonly records: KafkaRecord[]; readonly next: Map<number, bigint> }

export type KafkaReader = {
  /** Which broker leads which partitions. */
  leaders(partitions: readonly number[]): Promise<Map<number, number[]>>
  /** What partitions of one leader hold from these places on, having waited for so long where that is nothing. */
  fetch(node: number, places: readonly Place[], waitMs: number): Promise<Fetched>
  /** All of a partition's range, or as many records as `limit` says. */
  read(range: Range, limit: number): Promise<KafkaRecord[]>
  close(): Promise<void>
}

/** Reads a topic by places, as no member of any group. To be used by one reader at a time, since fetches follow on each other. */
export function openKafkaReader(cluster: KafkaCluster, topic: string): KafkaReader {
  const client = new Consumer({ ...cluster.options, groupId: groupOf(topic) })
  client.topics.track(topic)

  async function metadata() {
    const found = (await client.metadata({ topics: [topic] })).topics.get(topic)
    if (found === undefined) throw new Error(`There is no topic ${topic}.`)
    return found
  }

  async function leaders(partitions: readonly number[]): Promise<Map<number, number[]>> {
    client.clearMetadata()
    const known = (await metadata()).partitions
    return Map.groupBy(partitions, (partition) => known[partition]?.leader ?? -1)
  }

  async function fetch(node: number, places: readonly Place[], waitMs: number): Promise<Fetched> {
    const { id } = await metadata()
    const partitions = places.map(({ partition, offset }) => ({
      partition,
      fetchOffset: offset,
      partitionMaxBytes: partitionBytesMax,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    }))
    const topics = [{ topicId: id, partitions }]
    const response = await client.fetch({
      node,
      topics,
      maxWaitTime: waitMs,
      maxBytes: fetchBytesMax,
      minBytes: 1,
    })
    return fetchedOf(response, new Map(places.map(({ partition, offset }) => [partition, offset])))
  }

  async function read({ partition, start, end }: Range, limit: number): Promise<KafkaRecord[]> {
    const [node = -1] = (await leaders([partition])).keys()
    const records: KafkaRecord[] = []
    for (let offset = start; offset < end && records.length < limit; ) {
      const fetched = await fetch(node, [{ partition, offset }], readWaitMs)
      records.push(...fetched.records.filter((record) => record.offset < end))
      const next = fetched.next.get(partition)
      // What stands behind a transaction that is still open is not there for readers yet.
      if (next === undefined) break
      offset = next
    }
    return records.slice(0, limit)
  }

  return {
    leaders,
    fetch,
    read: (range, limit) => answered(read(range, limit), readWithinMs),
    close: () => client.close(true).catch(() => {}),
  }
}

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>

function fetchedOf({ responses }: FetchResponse, asked: ReadonlyMap<number, bigint>): Fetched {
  const records: KafkaRecord[] = []
  const next = new Map<number, bigint>()
  for (const { partitionIndex: partition, records: batches } of responses.flatMap(
    ({ partitions }) => partitions,
  )) {
    const from = asked.get(partition)
    // An answer may bring what an earlier question asked for.
    if (from === undefined) continue
    for (const batch of batches ?? []) {
      const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
      if (end > (next.get(partition) ?? from)) next.set(partition, end)
      if ((batch.attributes & isControl) !== 0) continue
      for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
        const offset = batch.firstOffset + BigInt(offsetDelta)
        // A batch comes whole, though its beginning was read before.
        if (offset < from) continue
        records.push({
          partition,
          offset,
          timestamp: Number(batch.firstTimestamp + timestampDelta),
          key,
          value,
          headers: new Map(headers.map(([name, text]) => [String(name ?? ''), String(text ?? '')])),
        })
      }
    }
  }
  return { records, next }
}
