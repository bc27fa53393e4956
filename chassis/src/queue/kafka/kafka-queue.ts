import type { Clock } from '../../clock/index.ts'
import { invalid } from '../../errors/index.ts'
import { deadQueueOf, liveQueueOf } from '../port.ts'
import type { EventStream, Message, PublishOptions, Queue, StoredMessage } from '../port.ts'
import { createConsumers, handleEach } from '../dispatcher.ts'
import { createBacklogs } from './backlog.ts'
import { openKafkaCluster } from './cluster.ts'
import type { Range } from './cluster.ts'
import { createKafkaConsumer } from './consumer.ts'
import { storedMessageOf, isRemoval, messageOf, recordOf, removalOf } from './message.ts'
import type { KafkaRecord } from './message.ts'
import { createKafkaProducer } from './producer.ts'
import { openKafkaReader } from './reader.ts'
import type { KafkaReader } from './reader.ts'

const limitDefault = 100_000
const pageMax = 1_000
const recordsMax = 1_000_000

/**
 * Queues as topics of Kafka: messages stand in the partition of their key, and the group `quintet.<queue>` knows how far each
 * partition is done. Dead letters stand in a topic of their own, `<queue>.dead`; one that is put back or removed is followed
 * there by a record that says so. How long a topic keeps what is done, and what a stream keeps, is for the brokers to say.
 */
export async function openKafkaQueue(url: string, clock: Clock): Promise<Queue & EventStream> {
  const cluster = openKafkaCluster(url)
  const producer = createKafkaProducer(cluster)
  const backlogs = createBacklogs(depthOf)
  const consumers = createConsumers()
  let closing: Promise<void> | undefined

  async function publishAll(queue: string, messages: readonly Message[], options: PublishOptions = {}) {
    if (messages.length === 0) return
    const topic = cluster.topicName(queue)
    await cluster.ensureQueue(isDead(topic) ? liveQueueOf(topic) : topic)
    const { limit = limitDefault } = options
    const records = messages.map((message) => recordOf(topic, message))
    await backlogs.admit(topic, messages.length, limit, () => producer.send(topic, records))
  }

  /** What is held of a queue: that behind the group's place, or of dead letters what no later record removed or replaced. */
  async function heldRanges(topic: string): Promise<Range[]> {
    const ranges = await cluster.ranges(topic)
    if (isDead(topic) || ranges.length === 0) return ranges
    const committed = await cluster.committed(topic)
    return ranges.map(({ partition, start, end }) => {
      const place = committed.get(partition) ?? -1n
      return { partition, start: place < start || place > end ? start : place, end }
    })
  }

  async function depthOf(topic: string): Promise<number> {
    if (isDead(topic)) return (await deadLetters(topic)).length
    return countOf(await heldRanges(topic))
  }

  async function withReader<T>(topic: string, work: (reader: KafkaReader) => Promise<T>): Promise<T> {
    const reader = openKafkaReader(cluster, topic)
    try {
      return await work(reader)
    } finally {
      void reader.close()
    }
  }

  async function recordsOf(topic: string, ranges: readonly Range[], limit: number): Promise<KafkaRecord[]> {
    const full = ranges.filter(({ start, end }) => start < end)
    if (full.length === 0) return []
    return withReader(topic, async (reader) => {
      const records: KafkaRecord[] = []
      for (const range of full) records.push(...(await reader.read(range, limit)))
      return records
    })
  }

  async function deadLetters(topic: string): Promise<StoredMessage[]> {
    const ranges = await heldRanges(topic)
    const letters = new Map<string, StoredMessage>()
    for (const record of await recordsOf(topic, ranges, recordsMax)) {
      const held = storedMessageOf(record, positionOf(record, ranges.length))
      letters.delete(held.id)
      if (!isRemoval(record)) letters.set(held.id, held)
    }
    // Once all of them are gone, what told of them can go as well.
    if (letters.size === 0 && countOf(ranges) > 0) await cluster.truncate(topic, ranges)
    return [...letters.values()]
  }

  async function list(queue: string, { limit = 100, after = 0 } = {}): Promise<StoredMessage[]> {
    const topic = cluster.topicName(queue)
    const count = Math.min(limit, pageMax)
    if (isDead(topic)) {
      const letters = await deadLetters(topic)
      return letters.filter(({ position }) => position > after).slice(0, count)
    }
    const ranges = await heldRanges(topic)
    const behind = ranges.map((range) => ({
      ...range,
      start: max(range.start, offsetAfter(after, range.partition, ranges.length)),
    }))
    const records = await recordsOf(topic, behind, count)
    return records
      .map((record) => storedMessageOf(record, positionOf(record, ranges.length)))
      .sort((a, b) => a.position - b.position)
      .slice(0, count)
  }

  /** Removes dead letters, each after something was done with it. */
  async function forEachDead(deadQueue: string, id: string, work: (letter: StoredMessage) => Promise<void>) {
    const topic = cluster.topicName(deadQueue)
    const letters = (await deadLetters(topic)).filter((letter) => id === 'all' || letter.id === id)
    for (const letter of letters) {
      await work(letter)
      await producer.send(topic, [removalOf(topic, letter.id)])
    }
    return letters.length
  }

  async function drop(queue: string, id: string): Promise<number> {
    if (isDead(queue)) return forEachDead(queue, id, async () => {})
    if (id !== 'all')
      throw invalid({
        id: 'Kafka cannot remove one message out of a queue; "all" removes what waits there now.',
      })
    const topic = cluster.topicName(queue)
    const ranges = await heldRanges(topic)
    await cluster.truncate(topic, ranges)
    return countOf(ranges)
  }

  async function replay(deadQueue: string, id: string): Promise<number> {
    const live = cluster.topicName(liveQueueOf(deadQueue))
    await cluster.ensureQueue(live)
    return forEachDead(deadQueue, id, ({ id, key, body, headers }) =>
      producer.send(live, [recordOf(live, { id, key, body, ...(headers !== undefined && { headers }) })]),
    )
  }

  /** Topics that have one for dead letters are queues; others are streams, or not ours. */
  async function queues() {
    const topics = new Set(await cluster.topics())
    const live = [...topics].filter((topic) => topics.has(deadQueueOf(topic)))
    const names = live.flatMap((topic) => [topic, deadQueueOf(topic)])
    const found = await Promise.all(names.map(describe))
    return found.flatMap((one) => (one === undefined ? [] : [one])).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async function describe(topic: string) {
    const name = cluster.queueName(topic)
    if (name === undefined) return undefined
    const depth = await depthOf(topic)
    if (isDead(topic) && depth === 0) return undefined
    const oldest = Math.min(...(depth === 0 ? [] : await timesOfFirst(topic)))
    return { name, depth, ...(Number.isFinite(oldest) && { oldestAgeMs: clock.now() - oldest }) }
  }

  async function timesOfFirst(topic: string): Promise<number[]> {
    const records = isDead(topic)
      ? await deadLetters(topic)
      : await recordsOf(topic, await heldRanges(topic), 1)
    return records.map((record) => ('timestamp' in record ? record.timestamp : record.publishedAt))
  }

  async function readStream(stream: string, { after = 0, limit = 100 } = {}) {
    const topic = cluster.topicName(stream)
    const ranges = await cluster.ranges(topic)
    if (ranges.length > 1)
      throw invalid({
        stream: `${stream} has ${ranges.length} partitions and thereby no one order to read it in.`,
      })
    const behind = ranges.map((range) => ({ ...range, start: max(range.start, BigInt(after)) }))
    const records = await recordsOf(topic, behind, limit)
    return records.map((record) => ({
      ...messageOf(record),
      position: Number(record.offset) + 1,
      appendedAt: record.timestamp,
    }))
  }

  const consumeBatches: Queue['consumeBatches'] = (queue, handler, options = {}) => {
    const topic = cluster.topicName(queue)
    const onCommit = () => backlogs.outdate(topic)
    return consumers.add(createKafkaConsumer({ cluster, producer, clock, topic, handler, options, onCommit }))
  }

  async function close(): Promise<void> {
    await consumers.stop()
    await producer.close()
    await cluster.close()
  }

  return {
    publish: (queue, message, options) => publishAll(queue, [message], options),
    publishAll,
    consumeBatches,
    consume(queue, handler, options) {
      return consumeBatches(queue, handleEach(handler), { ...options, batchMax: 1 })
    },
    async append(stream, messages) {
      if (messages.length === 0) return
      const topic = cluster.topicName(stream)
      await cluster.ensureStream(topic)
      await producer.send(
        topic,
        messages.map((message) => recordOf(topic, message)),
      )
    },
    readStream,
    depth: (queue) => depthOf(cluster.topicName(queue)),
    queues,
    list,
    replay,
    drop,
    ping: cluster.ping,
    close() {
      closing ??= close()
      return closing
    },
  }
}

function isDead(topic: string): boolean {
  return topic.endsWith(deadQueueOf(''))
}

function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((count, { start, end }) => count + Number(end - start), 0)
}

/**
 * Partitions know no order among each other. Positions count through them in turn, so that they are all different, can be
 * read on from, and bring what stands at the front of its partition first.
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
