import { compatibilityPartitioner, Producer } from '@platformatic/kafka'
import { AppError, dependencyDown } from '../../errors/index.ts'
import type { KafkaCluster } from './cluster.ts'
import type { RecordToProduce } from './message.ts'
import { withResponse } from './response.ts'

const confirmTimeoutMs = 5_000
const metadataTimeoutMs = 2_000
const retryDelayMs = 250
const retriesMax = 20
const waitingMax = 10_000
const messageBytesMax = 900_000
const batchBytesMax = 500_000

export type KafkaProducer = {
  /**
   * Resolves when all in-sync replicas have the records. Rejects with `overloaded` when too many are in flight, with
   * `dependency_down` when nothing was sent, with `outcome_unknown` when they were sent and not confirmed.
   */
  send(topic: string, records: readonly RecordToProduce[]): Promise<void>
  close(): Promise<void>
}

/** Records that one caller sends together. */
type Shipment = {
  readonly records: readonly RecordToProduce[]
  readonly bytes: number
  readonly confirmed: PromiseWithResolvers<void>
}

type TopicQueue = {
  readonly topic: string
  readonly waiting: Shipment[]
  count: number
  sending: boolean
  producer?: Producer
}

/**
 * Each topic has an idempotent producer of its own with one request in flight; the records that arrive meanwhile are the next
 * request. So records keep their order, also when a request is retried, and load makes requests larger instead of more. After a
 * failure the producer is discarded with its sequence numbers, whose state is unknown then.
 */
export function createKafkaProducer(cluster: KafkaCluster): KafkaProducer {
  const queues = new Map<string, TopicQueue>()
  const stopListening = cluster.onSilence(discardIdle)
  let closed = false

  async function send(topic: string, records: readonly RecordToProduce[]): Promise<void> {
    if (closed) throw dependencyDown('The queue is closed.')
    if (records.length === 0) return
    const queue = queues.get(topic) ?? { topic, waiting: [], count: 0, sending: false }
    queues.set(topic, queue)
    const shipments = shipmentsOf(records)
    if (queue.count + records.length > waitingMax)
      throw new AppError('overloaded', 'Too many messages are in flight to Kafka.')
    queue.count += records.length
    queue.waiting.push(...shipments)
    void pump(queue)
    const outcomes = await Promise.allSettled(shipments.map(({ confirmed }) => confirmed.promise))
    queue.count -= records.length
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** What they would send next would be lost, on connections that are half-open. */
  function discardIdle(): void {
    for (const queue of queues.values()) if (!queue.sending) discardProducer(queue)
  }

  async function pump(queue: TopicQueue): Promise<void> {
    if (queue.sending) return
    queue.sending = true
    // So that records of one turn of the event loop share a request.
    await Promise.resolve()
    while (queue.waiting.length > 0) {
      const batch = takeBatch(queue.waiting)
      try {
        await ship(
          queue,
          batch.flatMap(({ records }) => records),
        )
        for (const { confirmed } of batch) confirmed.resolve()
      } catch (error) {
        discardProducer(queue)
        for (const { confirmed } of batch) confirmed.reject(error)
        const notSent = dependencyDown('Kafka does not respond.', error)
        for (const { confirmed } of queue.waiting.splice(0)) confirmed.reject(notSent)
      }
    }
    queue.sending = false
  }

  async function ship(queue: TopicQueue, messages: RecordToProduce[]): Promise<void> {
    queue.producer ??= createProducer()
    const { topic, producer } = queue
    await withResponse(unlessSilent(producer.metadata({ topics: [topic], retries: 0 })), metadataTimeoutMs)
    try {
      await withResponse(unlessSilent(producer.send({ messages })), confirmTimeoutMs)
    } catch (cause) {
      throw new AppError('outcome_unknown', 'Kafka did not confirm the message in time.', { cause })
    }
  }

  /** Rejects when the brokers do not respond any more, over whichever connection. */
  async function unlessSilent<T>(response: Promise<T>): Promise<T> {
    const silent = Promise.withResolvers<never>()
    const stop = cluster.onSilence(() => silent.reject(new Error('The brokers do not respond.')))
    return Promise.race([response, silent.promise]).finally(stop)
  }

  function createProducer(): Producer {
    let next = 0
    return new Producer({
      ...cluster.options,
      idempotent: true,
      retries: retriesMax,
      retryDelay: retryDelayMs,
      // Keys go where every other client of Kafka would put them, and records without one in turn.
      partitioner: (message, key) => (key === undefined ? next++ : compatibilityPartitioner(message, key)),
    })
  }

  /** The topic may have been deleted, so it is looked up again. */
  function discardProducer(queue: TopicQueue): void {
    const { producer } = queue
    delete queue.producer
    cluster.forget(queue.topic)
    producer?.close(true).catch(() => {})
  }

  return {
    send,
    async close() {
      closed = true
      stopListening()
      await Promise.allSettled(
        [...queues.values()].flatMap(({ waiting }) => waiting.map(({ confirmed }) => confirmed.promise)),
      )
      await Promise.all([...queues.values()].map(({ producer }) => producer?.close(true).catch(() => {})))
    },
  }
}

/** Splits records that are too many for one request, in order. */
function shipmentsOf(records: readonly RecordToProduce[]): Shipment[] {
  const shipments: Shipment[] = []
  let part: RecordToProduce[] = []
  let bytes = 0
  const close = () => shipments.push({ records: part, bytes, confirmed: Promise.withResolvers<void>() })
  for (const record of records) {
    const size = sizeOf(record)
    if (part.length > 0 && bytes + size > batchBytesMax) {
      close()
      part = []
      bytes = 0
    }
    part.push(record)
    bytes += size
  }
  close()
  return shipments
}

function sizeOf({ key, value, headers }: RecordToProduce): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0)
  if (headers instanceof Map) for (const [name, text] of headers) size += name.length + text.length
  if (size > messageBytesMax)
    throw new AppError('body_too_large', `A message may have ${messageBytesMax} bytes, but has ${size}.`)
  return size
}

function takeBatch(waiting: Shipment[]): Shipment[] {
  let bytes = 0
  const more = waiting.findIndex((shipment, i) => {
    bytes += shipment.bytes
    return i > 0 && bytes > batchBytesMax
  })
  return waiting.splice(0, more === -1 ? waiting.length : more)
}
