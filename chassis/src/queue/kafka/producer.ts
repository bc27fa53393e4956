import { compatibilityPartitioner, Producer } from '@platformatic/kafka'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { answered } from './cluster.ts'
import type { KafkaCluster } from './cluster.ts'
import type { RecordToProduce } from './message.ts'

const confirmWithinMs = 5_000
const knownWithinMs = 2_000
const retryDelayMs = 250
const retriesMax = 20
const waitingMax = 10_000
const messageBytesMax = 900_000
const batchBytesMax = 500_000

export type KafkaProducer = {
  /**
   * Resolves when all in-sync replicas have the records. Rejects with `overloaded` when too many are on their way, with
   * `dependency_down` when nothing was sent, with `outcome_unknown` when it was and no confirmation came.
   */
  send(topic: string, records: readonly RecordToProduce[]): Promise<void>
  close(): Promise<void>
}

/** Records that one caller sends together, and that caller. */
type Shipment = {
  readonly records: readonly RecordToProduce[]
  readonly bytes: number
  readonly confirmed: PromiseWithResolvers<void>
}

type Lane = {
  readonly topic: string
  readonly waiting: Shipment[]
  count: number
  sending: boolean
  producer?: Producer
}

/**
 * Each topic has a lane with an idempotent producer of its own, on which one request is under way at a time and all that
 * came meanwhile is the next: records keep their order, also when a request is sent again, and load makes requests larger
 * instead of more. After a failure the producer is given up with its numbering, which must not go on from an unknown state.
 */
export function createKafkaProducer(cluster: KafkaCluster): KafkaProducer {
  const lanes = new Map<string, Lane>()
  let closed = false

  async function send(topic: string, records: readonly RecordToProduce[]): Promise<void> {
    if (closed) throw dependencyDown('The queue is closed.')
    if (records.length === 0) return
    const lane = lanes.get(topic) ?? { topic, waiting: [], count: 0, sending: false }
    lanes.set(topic, lane)
    const shipments = shipmentsOf(records)
    if (lane.count + records.length > waitingMax)
      throw new AppError('overloaded', 'Too many messages are on their way to Kafka.')
    lane.count += records.length
    lane.waiting.push(...shipments)
    void pump(lane)
    const outcomes = await Promise.allSettled(shipments.map(({ confirmed }) => confirmed.promise))
    lane.count -= records.length
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  async function pump(lane: Lane): Promise<void> {
    if (lane.sending) return
    lane.sending = true
    // What is sent in one turn travels together.
    await Promise.resolve()
    while (lane.waiting.length > 0) {
      const batch = takeBatch(lane.waiting)
      try {
        await ship(
          lane,
          batch.flatMap(({ records }) => records),
        )
        for (const { confirmed } of batch) confirmed.resolve()
      } catch (error) {
        abandon(lane)
        for (const { confirmed } of batch) confirmed.reject(error)
        const behind = dependencyDown('Kafka does not answer.', error)
        for (const { confirmed } of lane.waiting.splice(0)) confirmed.reject(behind)
      }
    }
    lane.sending = false
  }

  async function ship(lane: Lane, messages: RecordToProduce[]): Promise<void> {
    lane.producer ??= createProducer()
    const { topic, producer } = lane
    await answered(producer.metadata({ topics: [topic], retries: 0 }), knownWithinMs)
    try {
      await answered(producer.send({ messages }), confirmWithinMs)
    } catch (cause) {
      throw new AppError('outcome_unknown', 'Kafka did not confirm the message in time.', { cause })
    }
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

  /** The topic may have been deleted, so it is looked for again. */
  function abandon(lane: Lane): void {
    const { producer } = lane
    delete lane.producer
    cluster.forget(lane.topic)
    producer?.close(true).catch(() => {})
  }

  return {
    send,
    async close() {
      closed = true
      await Promise.allSettled(
        [...lanes.values()].flatMap(({ waiting }) => waiting.map(({ confirmed }) => confirmed.promise)),
      )
      await Promise.all([...lanes.values()].map(({ producer }) => producer?.close(true).catch(() => {})))
    },
  }
}

/** Records that are sent together may be too many for one request, and are parted in their order. */
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
