import type { BaseOptions } from '@platformatic/kafka'
import { openAdminClient } from './admin-client.ts'
import { isRetriable } from './response.ts'
import { createTopics, findTopic } from './topics.ts'
import { parseKafkaUrl } from './url.ts'

const responseTimeoutMs = 3_000
const connectTimeoutMs = 1_500
const requestTimeoutMs = 5_000
const coordinatorAttemptsMax = 10
const coordinatorRetryMs = 200
const earliest = -2n
const latest = -1n

/** The offsets of the records of a partition: from `start`, which retention and removal advance, up to and excluding `end`. */
export type Range = { readonly partition: number; readonly start: bigint; readonly end: bigint }

export type KafkaCluster = ReturnType<typeof openKafkaCluster>

/** Topics, offsets and groups. A call that finds the brokers unavailable rejects with `dependency_down`, and the next one tries again. */
export function openKafkaCluster(url: string) {
  const { brokers, connection, prefix, partitions } = parseKafkaUrl(url)
  const options: BaseOptions = {
    ...connection,
    clientId: 'quintet',
    bootstrapBrokers: brokers,
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    timeout: responseTimeoutMs,
    retries: 0,
  }
  const admin = openAdminClient(options)

  function request<T>(send: () => Promise<T>): Promise<T> {
    return admin.request(send, responseTimeoutMs)
  }

  const topics = createTopics(admin.current, {
    partitions,
    request: (work) => admin.request(work, responseTimeoutMs * 2),
  })

  async function offsetsOf(topic: string, count: number, timestamp: bigint): Promise<bigint[]> {
    const wanted = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
    const [found] = await admin.current().listOffsets({ topics: [{ name: topic, partitions: wanted }] })
    const offsets = Array<bigint>(count).fill(0n)
    for (const { partitionIndex, offset } of found?.partitions ?? []) offsets[partitionIndex] = offset
    return offsets
  }

  /** The committed offset of the group by partition; -1 where there is none. */
  async function committedOf(topic: string): Promise<Map<number, bigint>> {
    const [group] = await withCoordinator(() =>
      admin.current().listConsumerGroupOffsets({ groups: [groupOf(topic)] }),
    )
    const found = group?.topics.find(({ name }) => name === topic)
    return new Map(
      found?.partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
    )
  }

  return {
    options,
    topicName: (queue: string): string => prefix + queue,
    queueName: (topic: string): string | undefined =>
      topic.startsWith(prefix) ? topic.slice(prefix.length) : undefined,
    ...topics,
    /** For connections other than those of this cluster. */
    onSilence: admin.onSilence,

    /** The offsets of a topic; none if it does not exist yet. */
    ranges: (topic: string): Promise<Range[]> =>
      request(async () => {
        const count = (await findTopic(admin.current(), topic))?.partitionsCount ?? 0
        if (count === 0) return []
        const [starts, ends] = await Promise.all([
          offsetsOf(topic, count, earliest),
          offsetsOf(topic, count, latest),
        ])
        return starts.map((start, partition) => ({ partition, start, end: ends[partition] ?? start }))
      }),

    /** Removes a member that could not leave by itself. */
    removeMember: (topic: string, memberId: string): Promise<void> =>
      request(() =>
        admin.current().removeMembersFromConsumerGroup({ groupId: groupOf(topic), members: [{ memberId }] }),
      ),

    committed: (topic: string): Promise<Map<number, bigint>> => request(() => committedOf(topic)),

    /** Deletes the records before the ends of these ranges; consumers continue after them. */
    truncate: (topic: string, ranges: readonly Range[]): Promise<unknown> =>
      request(async () => {
        const partitions = ranges.map(({ partition, end }) => ({ partition, offset: end }))
        if (partitions.length > 0)
          await admin.current().deleteRecords({ topics: [{ name: topic, partitions }] })
      }),

    topics: (): Promise<string[]> => request(() => admin.current().listTopics()),

    ping: admin.ping,
    close: admin.close,
  }
}

/** The consumers of a queue are one group, whichever service or process they are in. */
export function groupOf(topic: string): string {
  return `quintet.${topic}`
}

/** The coordinator of a group is elected when the group is first used, and again after failures. */
async function withCoordinator<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send()
    } catch (error) {
      if (attempt === coordinatorAttemptsMax || !isRetriable(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, coordinatorRetryMs))
    }
  }
}
