import { Consumer } from '@platformatic/kafka'
import { groupOf } from './cluster.ts'
import type { KafkaCluster, Range } from './cluster.ts'
import type { KafkaRecord } from './message.ts'
import { withResponse } from './response.ts'

const partitionBytesMax = 262_144
const fetchBytesMax = 1_048_576
const readTimeoutMs = 10_000
const readWaitMs = 1_000
const isControl = 0x20

/** Where to read in a partition. */
type PartitionOffset = { readonly partition: number; readonly offset: bigint }

/** The records, in order by partition, and where to continue; offsets of control records are skipped. */
type Fetched = { readonly records: KafkaRecord[]; readonly next: Map<number, bigint> }

type KafkaReader = {
  /** The partitions by the broker that leads them. */
  leaders(partitions: readonly number[]): Promise<Map<number, number[]>>
  /** The next records of partitions of one leader; waits for so long if there are none. */
  fetch(node: number, starts: readonly PartitionOffset[], waitMs: number): Promise<Fetched>
  /** The first `limit` records of a range. */
  read(range: Range, limit: number): Promise<KafkaRecord[]>
  close(): Promise<void>
}

/** Reads a topic by offset, without being a member of a group. */
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

  async function fetch(node: number, starts: readonly PartitionOffset[], waitMs: number): Promise<Fetched> {
    const { id } = await metadata()
    const partitions = starts.map(({ partition, offset }) => ({
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
    return fetchedOf(response, new Map(starts.map(({ partition, offset }) => [partition, offset])))
  }

  async function read({ partition, start, end }: Range, limit: number): Promise<KafkaRecord[]> {
    const [node = -1] = (await leaders([partition])).keys()
    const records: KafkaRecord[] = []
    for (let offset = start; offset < end && records.length < limit; ) {
      const fetched = await fetch(node, [{ partition, offset }], readWaitMs)
      records.push(...fetched.records.filter((record) => record.offset < end))
      const next = fetched.next.get(partition)
      // Records after an open transaction cannot be read yet.
      if (next === undefined) break
      offset = next
    }
    return records.slice(0, limit)
  }

  return {
    leaders,
    fetch,
    read: (range, limit) => withResponse(read(range, limit), readTimeoutMs),
    close: () => client.close(true).catch(() => {}),
  }
}

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>

function fetchedOf({ responses }: FetchResponse, requested: ReadonlyMap<number, bigint>): Fetched {
  const records: KafkaRecord[] = []
  const next = new Map<number, bigint>()
  for (const { partitionIndex: partition, records: batches } of responses.flatMap(
    ({ partitions }) => partitions,
  )) {
    const from = requested.get(partition)
    // A response may have records of an earlier request.
    if (from === undefined) continue
    for (const batch of batches ?? []) {
      const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
      if (end > (next.get(partition) ?? from)) next.set(partition, end)
      if ((batch.attributes & isControl) !== 0) continue
      for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
        const offset = batch.firstOffset + BigInt(offsetDelta)
        // A batch is returned whole, though its beginning was read before.
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
