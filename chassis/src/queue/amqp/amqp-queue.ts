import type { Channel, GetMessage } from 'amqplib'
import type { Clock } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { createAmqpConsumer } from './consumer.ts'
import { openAmqpConnection } from './connection.ts'
import { deliveryOf, storedMessageOf } from './message.ts'
import { createAmqpPublisher } from './publisher.ts'
import { createAmqpTopology, openChannel } from './topology.ts'
import { createConsumers, handleEach } from '../dispatcher.ts'
import { deadQueueOf, liveQueueOf } from '../port.ts'
import type { Consumer, Message, OncePublisher, PublishOptions, Queue } from '../port.ts'

const limitDefault = 100_000
const depthKeptMs = 100
const depthAskedAgainMs = 10
const publishedTogetherMax = 500

/**
 * RabbitMQ. It need not be available when it is opened: until it is, calls reject. The broker stores neither ids nor keys, so a
 * repeated message is stored again, under the same id, and a message with a key is refused, since its order would be lost.
 * `names` are the queues to list, which the protocol cannot.
 */
export async function openAmqpQueue(
  url: string,
  clock: Clock,
  names: readonly string[],
): Promise<Queue & OncePublisher> {
  const link = await openAmqpConnection(url)
  const topology = createAmqpTopology()
  const publisher = createAmqpPublisher({ link, topology, clock })
  const consumers = createConsumers()
  const used = new Set<string>(names)
  const depths = new Map<string, { readonly depth: Promise<number>; readonly at: number; since: number }>()
  let closing: Promise<void> | undefined

  async function withChannel<R>(name: string, work: (channel: Channel) => Promise<R>): Promise<R> {
    const connection = await link.connection()
    const live = name.endsWith('.dead') ? liveQueueOf(name) : name
    used.add(live)
    try {
      await topology.ensure(connection, live)
      const channel = await openChannel(connection)
      try {
        return await work(channel)
      } finally {
        await channel.close().catch(() => {})
      }
    } catch (error) {
      topology.forget(connection, live)
      throw error instanceof AppError ? error : dependencyDown('The message broker does not answer.', error)
    }
  }

  const depth = (name: string) =>
    withChannel(name, async (channel) => (await channel.checkQueue(name)).messageCount)

  /** Judged by what the broker said a moment ago and what was published here since; before it refuses, it asks again. */
  async function refuseFull(name: string, limit: number, count: number): Promise<void> {
    if (await hasRoom(name, limit, count, depthKeptMs)) return
    if (await hasRoom(name, limit, count, depthAskedAgainMs)) return
    throw new AppError('overloaded', `The queue ${name} is full.`)
  }

  async function hasRoom(name: string, limit: number, count: number, keptMs: number): Promise<boolean> {
    let known = depths.get(name)
    if (known === undefined || performance.now() - known.at > keptMs) {
      known = { depth: depth(name), at: performance.now(), since: 0 }
      known.depth.catch(() => depths.delete(name))
      depths.set(name, known)
    }
    known.since += count
    if ((await known.depth) + known.since <= limit) return true
    known.since -= count
    return false
  }

  /** Takes messages one by one, without letting others have them, and gives `visit` each; those it leaves are given back. */
  async function visitAll(
    name: string,
    visit: (message: GetMessage, channel: Channel) => Promise<boolean>,
  ): Promise<number> {
    return withChannel(name, async (channel) => {
      let visited = 0
      // What another look has just given back is not counted by the broker at once, but handed out.
      for (let left = limitDefault; left > 0; left--) {
        const message = await channel.get(name)
        if (message === false) break
        if (await visit(message, channel)) {
          channel.ack(message)
          visited += 1
        }
      }
      channel.nackAll(true)
      return visited
    })
  }

  return {
    publish,

    async publishOnce(name, message, _once, options) {
      await publish(name, message, options)
      return 'published'
    },

    async publishAll(name, messages, { limit = limitDefault } = {}) {
      for (const message of messages) refuseKeyed(message)
      await refuseFull(name, limit, messages.length)
      for (let at = 0; at < messages.length; at += publishedTogetherMax)
        await Promise.all(
          messages.slice(at, at + publishedTogetherMax).map((message) => publisher.publish(name, message)),
        )
    },

    consume: (name, handler, options) =>
      consumeBatches(name, handleEach(handler), { ...options, batchMax: 1 }),

    consumeBatches,

    depth,

    async queues() {
      const names = [...used].flatMap((name) => [name, deadQueueOf(name)])
      return Promise.all(names.map(async (name) => ({ name, depth: await depth(name) })))
    },

    async list(name, { limit = 100, after = 0 } = {}) {
      return withChannel(name, async (channel) => {
        const held = []
        for (let position = 1; position <= after + limit; position++) {
          const message = await channel.get(name)
          if (message === false) break
          if (position > after) held.push(storedMessageOf(message, position))
        }
        channel.nackAll(true)
        return held
      })
    },

    async replay(deadQueue, id) {
      const live = liveQueueOf(deadQueue)
      return visitAll(deadQueue, async (message) => {
        const { attempt: _, ...own } = deliveryOf(message)
        if (id !== 'all' && own.id !== id) return false
        await publisher.publish(live, own)
        return true
      })
    },

    async drop(name, id) {
      if (id !== 'all') return visitAll(name, async (message) => deliveryOf(message).id === id)
      return withChannel(name, async (channel) => (await channel.purgeQueue(name)).messageCount)
    },

    ping: link.ping,

    close() {
      closing ??= close()
      return closing
    },
  }

  async function publish(
    name: string,
    message: Message,
    { limit = limitDefault }: PublishOptions = {},
  ): Promise<void> {
    refuseKeyed(message)
    await refuseFull(name, limit, 1)
    await publisher.publish(name, message)
  }

  function consumeBatches(...[name, handler, options = {}]: Parameters<Queue['consumeBatches']>): Consumer {
    used.add(name)
    return consumers.add(
      createAmqpConsumer({ link, topology, publisher, clock, queue: name, handler, options }),
    )
  }

  async function close(): Promise<void> {
    await consumers.stop()
    await publisher.close()
    await link.close()
  }
}

function refuseKeyed({ id, key }: Message): void {
  if (key !== '') throw new TypeError(`RabbitMQ keeps no order by key, so it cannot take ${id} with one.`)
}
