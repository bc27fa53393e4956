import { Admin, findErrorBy } from '@platformatic/kafka'
import type { BaseOptions, ClusterTopicMetadata } from '@platformatic/kafka'
import { withTimeout } from '../../clock/index.ts'
import { AppError, dependencyDown, invalid } from '../../errors/index.ts'
import { deadQueueOf } from '../port.ts'
import { parseKafkaUrl } from './url.ts'

const answerWithinMs = 3_000
const pingWithinMs = 1_000
const connectTimeoutMs = 1_500
const requestTimeoutMs = 5_000
const leaderLooks = 20
const leaderLookMs = 100
const coordinatorLooks = 10
const coordinatorLookMs = 200
const earliest = -2n
const latest = -1n

/** What the records of a partition are numbered: from `start`, by retention or removal, up to and without `end`. */
export type Range = { readonly partition: number; readonly start: bigint; readonly end: bigint }

export type KafkaCluster = ReturnType<typeof openKafkaCluster>

/**
 * What a queue needs to know and to have done on the side of the brokers. Nothing here fails for good: each call that finds
 * them away rejects with `dependency_down`, and the next one tries anew.
 */
export function openKafkaCluster(url: string) {
  const { brokers, connection, prefix, partitions } = parseKafkaUrl(url)
  const options: BaseOptions = {
    ...connection,
    clientId: 'quintet',
    bootstrapBrokers: brokers,
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    timeout: answerWithinMs,
    retries: 0,
  }
  const admin = new Admin(options)
  const topics = new Map<string, Promise<void>>()
  let closed = false

  async function asking<T>(question: () => Promise<T>, withinMs = answerWithinMs): Promise<T> {
    if (closed) throw dependencyDown('The queue is closed.')
    return answered(question(), withinMs)
  }

  /** What is known of a topic just now; `undefined` where there is none. */
  async function topicOf(topic: string): Promise<ClusterTopicMetadata | undefined> {
    try {
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
      return topics.get(topic)
    } catch (error) {
      if (error instanceof Error && /^Unknown topic/.test(error.message)) return undefined
      throw error
    }
  }

  /** The leaders of a new topic are chosen a moment after it is there. */
  async function withLeaders(topic: string): Promise<void> {
    for (let look = 1; ; look += 1) {
      const found = await topicOf(topic).catch((error: unknown) => {
        if (look === leaderLooks || !isRetriable(error)) throw error
      })
      if (found?.partitions.every(({ leader }) => leader >= 0)) return
      if (look === leaderLooks) throw new Error(`The topic ${topic} has no leader.`)
      await new Promise((resolve) => setTimeout(resolve, leaderLookMs))
    }
  }

  async function create(topic: string, count: number, configs: { name: string; value: string }[] = []) {
    if ((await topicOf(topic)) !== undefined) return
    await admin.createTopics({ topics: [topic], partitions: count, configs }).catch((error: Error) => {
      if (findErrorBy(error, 'apiId', 'TOPIC_ALREADY_EXISTS') === null) throw error
    })
    await withLeaders(topic)
  }

  function once(topic: string, make: () => Promise<void>): Promise<void> {
    checkName(topic)
    const made = topics.get(topic) ?? asking(make, answerWithinMs * 2)
    topics.set(topic, made)
    made.catch(() => topics.delete(topic))
    return made
  }

  async function offsetsOf(topic: string, count: number, timestamp: bigint): Promise<bigint[]> {
    const wanted = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
    const [found] = await admin.listOffsets({ topics: [{ name: topic, partitions: wanted }] })
    const offsets = Array<bigint>(count).fill(0n)
    for (const { partitionIndex, offset } of found?.partitions ?? []) offsets[partitionIndex] = offset
    return offsets
  }

  /** Per partition what the group has committed; -1 where nothing is. */
  async function committedOf(topic: string): Promise<Map<number, bigint>> {
    const [group] = await patiently(() => admin.listConsumerGroupOffsets({ groups: [groupOf(topic)] }))
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
    forget: (topic: string): boolean => topics.delete(topic),

    /**
     * The topics of a queue and of its dead letters, which come with it. Dead letters stay until somebody removes them, and
     * have one partition, so that they have one order.
     */
    ensureQueue(topic: string): Promise<void> {
      const dead = deadQueueOf(topic)
      const make = async () => {
        await create(topic, partitions)
        await create(dead, 1, forever)
      }
      return once(topic, make)
    },

    /** A topic of one partition has one order, which is what a stream is read by. */
    ensureStream: (topic: string): Promise<void> => once(topic, () => create(topic, 1)),

    /** What a topic holds, of which nothing is held yet where the topic is not there. */
    ranges: (topic: string): Promise<Range[]> =>
      asking(async () => {
        const count = (await topicOf(topic))?.partitionsCount ?? 0
        if (count === 0) return []
        const [starts, ends] = await Promise.all([
          offsetsOf(topic, count, earliest),
          offsetsOf(topic, count, latest),
        ])
        return starts.map((start, partition) => ({ partition, start, end: ends[partition] ?? start }))
      }),

    committed: (topic: string): Promise<Map<number, bigint>> => asking(() => committedOf(topic)),

    /** Removes what a topic holds up to these offsets; consumers go on behind them. */
    truncate: (topic: string, ranges: readonly Range[]): Promise<unknown> =>
      asking(async () => {
        const upTo = ranges.map(({ partition, end }) => ({ partition, offset: end }))
        if (upTo.length > 0) await admin.deleteRecords({ topics: [{ name: topic, partitions: upTo }] })
      }),

    topics: (): Promise<string[]> => asking(() => admin.listTopics()),

    async ping(): Promise<void> {
      await asking(() => admin.metadata({ topics: [], forceUpdate: true }), pingWithinMs)
    },

    async close(): Promise<void> {
      closed = true
      await admin.close().catch(() => {})
    },
  }
}

const forever = [
  { name: 'retention.ms', value: '-1' },
  { name: 'retention.bytes', value: '-1' },
]

/** The consumers of a queue are one group, whichever service or process they are in. */
export function groupOf(topic: string): string {
  return `quintet.${topic}`
}

/** The answer, or the error that a client may be told of when there is none in time. */
export async function answered<T>(answer: Promise<T>, withinMs: number): Promise<T> {
  try {
    return await withTimeout(withinMs, answer)
  } catch (error) {
    throw error instanceof AppError ? error : dependencyDown(faultOf(error), error)
  }
}

/** Groups have a broker that coordinates them, which must be chosen anew at times, and for the first time ever. */
async function patiently<T>(question: () => Promise<T>): Promise<T> {
  for (let look = 1; ; look += 1) {
    try {
      return await question()
    } catch (error) {
      if (look === coordinatorLooks || !isRetriable(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, coordinatorLookMs))
    }
  }
}

/** A protocol's error that says of itself that another try may help, as while leaders are being chosen. */
export function isRetriable(error: unknown): boolean {
  return error instanceof Error && findErrorBy(error, 'canRetry', false) === null
}

function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Kafka does not answer.'
  if (findErrorBy(error, 'code', 'PLT_KFK_AUTHENTICATION'))
    return 'Kafka does not accept the user and the password.'
  const apiId = findErrorBy(error, 'canRetry', false)?.apiId
  return typeof apiId === 'string' ? `Kafka refuses with ${apiId}.` : 'Kafka does not answer.'
}

function checkName(topic: string): void {
  if (!/^[\w.-]{1,249}$/.test(topic) || /^\.{1,2}$/.test(topic))
    throw invalid({ queue: `"${topic}" cannot be the name of a topic of Kafka.` })
}
