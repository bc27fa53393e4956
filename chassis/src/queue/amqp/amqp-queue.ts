import type { Clock } from '../../clock/index.ts'
import type { FailureLogger } from '../../telemetry/index.ts'
import { createQueueBounds, limitDefault } from '../bound.ts'
import { createConsumers } from '../consumers.ts'
import type { Consumer, Message, PublishOptions, Queue } from '../port.ts'
import { createAmqpAdmin } from './amqp-admin.ts'
import { createAmqpConsumer } from './consumer.ts'
import type { AmqpConsumerParts } from './consumer.ts'
import { openAmqpConnection } from './connection.ts'
import { createAmqpOrderedConsumer } from './ordered-consumer.ts'
import type { OrderedConsumer } from './ordered-consumer.ts'
import { createAmqpPublisher } from './publisher.ts'
import { createAmqpTopology } from './topology.ts'

const sampleIntervalMs = 100
const concurrentPublicationsMax = 500

/**
 * RabbitMQ. It need not be available when it is opened: until it is, calls reject. The broker stores no ids, so a repeated message
 * is stored again, under the same id. Only with `inOrder` it keeps the order of the messages of a key, for which one consumer at a time
 * takes the messages of a queue. `names` are the queues to list, which the protocol cannot.
 */
export async function openAmqpQueue(
  url: string,
  {
    clock,
    logger,
    names,
    inOrder = false,
    heldMsMax,
  }: {
    clock: Clock
    logger?: FailureLogger | undefined
    names: readonly string[]
    inOrder?: boolean
    /** How long a consumer that keeps the order holds a message at most, before it gives it back and takes it again. */
    heldMsMax?: number
  },
): Promise<Queue> {
  const connection = openAmqpConnection(url)
  const topology = createAmqpTopology()
  const publisher = createAmqpPublisher({ connection, topology, clock })
  const used = new Set<string>(names)
  const { depth: depthAtBroker, ...admin } = createAmqpAdmin({ connection, topology, publisher, used })
  const ordered = new Map<OrderedConsumer, string>()
  const { stop: stopConsumers, ...consumers } = createConsumers((queue, handler, options, log) => {
    used.add(queue)
    const parts = { connection, topology, publisher, clock, queue, handler, options, log }
    return inOrder ? startInOrder(parts) : createAmqpConsumer(parts)
  }, logger)
  const boundOf = createQueueBounds({ clock, depth, sampleIntervalMs })
  let closing: Promise<void> | undefined

  function startInOrder(parts: AmqpConsumerParts): Consumer {
    const consumer = createAmqpOrderedConsumer(parts, heldMsMax)
    ordered.set(consumer, parts.queue)
    return {
      async stop() {
        await consumer.stop()
        ordered.delete(consumer)
      },
    }
  }

  /** With what consumers of this process hold, for as long as its attempts fail. */
  async function depth(queue: string): Promise<number> {
    const atBroker = await depthAtBroker(queue)
    return [...ordered].reduce((sum, [{ held }, name]) => sum + (name === queue ? held() : 0), atBroker)
  }

  async function publishAll(
    queue: string,
    messages: readonly Message[],
    { limit = limitDefault }: PublishOptions = {},
  ): Promise<void> {
    await boundOf(queue).admit({ count: messages.length, limit }, async () => {
      for (let at = 0; at < messages.length; at += concurrentPublicationsMax) {
        const some = messages.slice(at, at + concurrentPublicationsMax)
        await Promise.all(inOrderOfKeys(some).map((group) => publishEach(queue, group)))
      }
    })
  }

  /** Each after the one before it, since the broker may refuse one and store the next. */
  async function publishEach(queue: string, group: readonly Message[]): Promise<void> {
    for (const message of group) await publisher.publish(queue, message)
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
    ...admin,
    depth,
    ping: connection.ping,
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** The messages of each key together; each of those without one for itself. */
function inOrderOfKeys(messages: readonly Message[]): (readonly Message[])[] {
  const groups = Map.groupBy(messages, ({ key }) => key)
  const unkeyed = groups.get('') ?? []
  groups.delete('')
  return [...unkeyed.map((message) => [message]), ...groups.values()]
}
