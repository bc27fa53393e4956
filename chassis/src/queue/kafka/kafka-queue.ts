import type { Clock } from '../../clock/index.ts'
import type { FailureLogger } from '../../telemetry/index.ts'
import { createQueueBounds, limitDefault } from '../bound.ts'
import { createConsumers } from '../consumers.ts'
import { sourceQueueOf } from '../port.ts'
import type { EventStream, Message, PublishOptions, Queue } from '../port.ts'
import { openKafkaCluster } from './cluster.ts'
import { createKafkaConsumer } from './consumer.ts'
import { createKafkaAdmin } from './kafka-admin.ts'
import { createKafkaStreams } from './kafka-stream.ts'
import { recordOf } from './message.ts'
import { createKafkaProducer } from './producer.ts'
import { createStoredMessages } from './stored-messages.ts'

const sampleIntervalMs = 250

/**
 * Queues as topics of Kafka: a message is in the partition of its key, and the group `quintet.<queue>` has the offset up to which
 * each partition is finished. Dead letters are in a topic of their own, `<queue>.dead`; a later record says that one was replayed
 * or removed. The retention of a topic decides how long finished messages, and those of streams, are kept.
 */
export async function openKafkaQueue(
  url: string,
  clock: Clock,
  logger?: FailureLogger,
): Promise<Queue & EventStream> {
  const cluster = openKafkaCluster(url)
  const producer = createKafkaProducer(cluster)
  const stored = createStoredMessages(cluster)
  const { stop: stopConsumers, ...consumers } = createConsumers((queue, handler, options, log) => {
    const topic = cluster.topicName(queue)
    return createKafkaConsumer({ cluster, producer, clock, topic, handler, options, log })
  }, logger)
  const boundOf = createQueueBounds({ clock, depth: stored.depth, sampleIntervalMs })
  let closing: Promise<void> | undefined

  async function publishAll(
    queue: string,
    messages: readonly Message[],
    { limit = limitDefault }: PublishOptions = {},
  ): Promise<void> {
    if (messages.length === 0) return
    const topic = cluster.topicName(queue)
    await cluster.ensureQueue(sourceQueueOf(topic))
    const records = messages.map((message) => recordOf(topic, message))
    await boundOf(topic).admit({ count: messages.length, limit }, () => producer.send(topic, records))
  }

  async function close(): Promise<void> {
    await stopConsumers()
    await producer.close()
    await cluster.close()
  }

  return {
    publish: (queue, message, options) => publishAll(queue, [message], options),
    publishAll,
    ...consumers,
    ...createKafkaStreams({ cluster, producer, stored }),
    ...createKafkaAdmin({ cluster, producer, stored, clock }),
    ping: cluster.ping,
    close() {
      closing ??= close()
      return closing
    },
  }
}
