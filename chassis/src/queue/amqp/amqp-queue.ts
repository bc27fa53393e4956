import type { Clock } from '../../clock/index.ts'
import type { FailureLogger } from '../../telemetry/index.ts'
import { createQueueBounds, limitDefault } from '../bound.ts'
import { createConsumers } from '../consumers.ts'
import type { PublishOptions, Queue, UnkeyedMessage } from '../port.ts'
import { createAmqpAdmin } from './amqp-admin.ts'
import { createAmqpConsumer } from './consumer.ts'
import { openAmqpConnection } from './connection.ts'
import { createAmqpPublisher } from './publisher.ts'
import { createAmqpTopology } from './topology.ts'

const sampleIntervalMs = 100
const concurrentPublicationsMax = 500

/**
 * RabbitMQ. It need not be available when it is opened: until it is, calls reject. The broker stores no ids, so a repeated message
 * is stored again, under the same id; and it keeps no order by key, so messages have none.
 * `names` are the queues to list, which the protocol cannot.
 */
export async function openAmqpQueue(
  url: string,
  { clock, logger, names }: { clock: Clock; logger?: FailureLogger | undefined; names: readonly string[] },
): Promise<Queue<UnkeyedMessage>> {
  const connection = openAmqpConnection(url)
  const topology = createAmqpTopology()
  const publisher = createAmqpPublisher({ connection, topology, clock })
  const used = new Set<string>(names)
  const { depth, ...admin } = createAmqpAdmin({ connection, topology, publisher, used })
  const { stop: stopConsumers, ...consumers } = createConsumers((queue, handler, options, log) => {
    used.add(queue)
    return createAmqpConsumer({ connection, topology, publisher, clock, queue, handler, options, log })
  }, logger)
  const boundOf = createQueueBounds({ clock, depth, sampleIntervalMs })
  let closing: Promise<void> | undefined

  async function publishAll(
    queue: string,
    messages: readonly UnkeyedMessage[],
    { limit = limitDefault }: PublishOptions = {},
  ): Promise<void> {
    await boundOf(queue).admit({ count: messages.length, limit }, async () => {
      for (let at = 0; at < messages.length; at += concurrentPublicationsMax) {
        const some = messages.slice(at, at + concurrentPublicationsMax)
        await Promise.all(some.map((message) => publisher.publish(queue, message)))
      }
    })
  }

  async function close(): Promise<void> {
    await stopConsumers()
    await publisher.close()
    await connection.close()
  }

  return {
    publish: (queue, message, options) => publishAll(queue, [message], options),
    publishAll,
    ...consumers,
    depth,
    ...admin,
    ping: connection.ping,
    close() {
      closing ??= close()
      return closing
    },
  }
}
