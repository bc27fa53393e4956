import { Admin } from '@platformatic/kafka'
import type { BaseOptions } from '@platformatic/kafka'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { dependencyDown } from '../../errors/index.ts'
import { isRetriable, withResponse } from './response.ts'
import { createTopics, findTopic } from './topics.ts'
import { parseKafkaUrl } from './url.ts'

const responseTimeoutMs = 3_000
const pingTimeoutMs = 1_000
const connectTimeoutMs = 1_500
const requestTimeoutMs = 5_000
const coordinatorAttemptsMax = 10
const coordinatorRetryMs = 200
const earliest = -2n
const latest = -1n

/** The offsets of the records of a partition: from `start`, which retention and removal advance, up to and excluding `end`. */
export type Range = { readonly partition: number; readonly start: bigint; readonly end: bigint }

export type KafkaCluster = ReturnType<typeof openKafkaCluster>

/**
 * Topics, offsets and groups. A call that finds the brokers unavailable rejects with `dependency_down`, and the next one tries
 * again. The client keeps a connection on which requests time out, so this one is replaced when the brokers do not respond.
 */
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
  let admin = new Admin(options)
  const silenceListeners = new Set<() => void>()
  let stopWatching = watch()
  let closed = false

  function watch(): () => void {
    return watchLiveness({ ping: () => readMetadata(admin), onSilent: replaceConnections })
  }

  function replaceConnections(): void {
    const silent = admin
    admin = new Admin(options)
    for (const listener of silenceListeners) listener()
    stopWatching = watch()
    void silent.close().catch(() => {})
  }

  async function request<T>(send: () => Promise<T>, timeoutMs = responseTimeoutMs): Promise<T> {
    if (closed) throw dependencyDown('The queue is closed.')
    return withResponse(send(), timeoutMs)
  }

  const topics = createTopics(() => admin, {
    partitions,
    request: (work) => request(work, responseTimeoutMs * 2),
  })

  async function offsetsOf(topic: string, count: number, timestamp: bigint): Promise<bigint[]> {
    const wanted = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
    const [found] = await admin.listOffsets({ topics: [{ name: topic, partitions: wanted }] })
    const offsets = Array<bigint>(count).fill(0n)
    for (const { partitionIndex, offset } of found?.partitions ?? []) offsets[partitionIndex] = offset
    return offsets
  }

  /** The committed offset of the group by partition; -1 where there is none. */
  async function committedOf(topic: string): Promise<Map<number, bigint>> {
    const [group] = await withCoordinator(() => admin.listConsumerGroupOffsets({ groups: [groupOf(topic)] }))
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
    /** Calls the listener when the brokers do not respond any more, for connections other than those of this cluster. */
    onSilence(listener: () => void): () => void {
      silenceListeners.add(listener)
      return () => void silenceListeners.delete(listener)
    },

    /** The offsets of a topic; none if it does not exist yet. */
    ranges: (topic: string): Promise<Range[]> =>
      request(async () => {
        const count = (await findTopic(admin, topic))?.partitionsCount ?? 0
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
        admin.removeMembersFromConsumerGroup({ groupId: groupOf(topic), members: [{ memberId }] }),
      ),

    committed: (topic: string): Promise<Map<number, bigint>> => request(() => committedOf(topic)),

    /** Deletes the records before the ends of these ranges; consumers continue after them. */
    truncate: (topic: string, ranges: readonly Range[]): Promise<unknown> =>
      request(async () => {
        const partitions = ranges.map(({ partition, end }) => ({ partition, offset: end }))
        if (partitions.length > 0) await admin.deleteRecords({ topics: [{ name: topic, partitions }] })
      }),

    topics: (): Promise<string[]> => request(() => admin.listTopics()),

    async ping(): Promise<void> {
      await request(() => readMetadata(admin), pingTimeoutMs)
    },

    async close(): Promise<void> {
      closed = true
      stopWatching()
      await admin.close().catch(() => {})
    },
  }
}

function readMetadata(admin: Admin): Promise<unknown> {
  return admin.metadata({ topics: [], forceUpdate: true })
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
