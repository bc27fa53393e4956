import type { Channel, GetMessage } from 'amqplib'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { deadQueueOf, isDeadQueue, liveQueueOf } from '../port.ts'
import type { QueueAdmin, WorkQueue } from '../port.ts'
import type { AmqpConnection } from './connection.ts'
import { feed } from './feed.ts'
import { deliveryOf, storedMessageOf } from './message.ts'
import type { AmqpPublisher } from './publisher.ts'
import { isEarlier, redeclare } from './redeclaration.ts'
import { openChannel, quorumQueueOf } from './topology.ts'
import type { AmqpTopology } from './topology.ts'

const messagesMax = 100_000

/** Lists and changes messages by getting them one by one and releasing those that stay; consumers do not see them meanwhile. */
export function createAmqpAdmin({
  connection,
  topology,
  publisher,
  used,
}: {
  connection: AmqpConnection
  topology: AmqpTopology
  publisher: AmqpPublisher
  used: Set<string>
}): Omit<QueueAdmin, 'close'> & Pick<WorkQueue, 'depth'> {
  async function withChannel<R>(queue: string, work: (channel: Channel) => Promise<R>): Promise<R> {
    const model = await connection.current()
    const live = isDeadQueue(queue) ? liveQueueOf(queue) : queue
    used.add(live)
    try {
      await topology.ensure(model, live)
      const channel = await openChannel(model)
      try {
        return await work(channel)
      } finally {
        await channel.close().catch(() => {})
      }
    } catch (error) {
      topology.forget(model, live)
      throw error instanceof AppError ? error : dependencyDown('The message broker does not answer.', error)
    }
  }

  const depth = (queue: string) =>
    withChannel(queue, async (channel) => {
      const counts = await Promise.all(namesOf(queue).map((name) => channel.checkQueue(name)))
      return counts.reduce((sum, { messageCount }) => sum + messageCount, 0)
    })

  /** RabbitMQ 4 drops a message of such a queue once it was looked at 20 times. */
  async function refuseEarlier(deadQueue: string): Promise<void> {
    const model = await connection.current()
    const others = await topology.ensure(model, liveQueueOf(deadQueue))
    if (!others.includes(deadQueue) || !(await isEarlier(model, deadQueue))) return
    throw new AppError(
      'conflict',
      `An earlier version has declared ${deadQueue}, so that RabbitMQ could lose its messages when they are looked at; ` +
        `run "quintet queue redeclare ${liveQueueOf(deadQueue)}" first.`,
    )
  }

  /** The queue of the broker that holds the messages, after what waits in the one that feeds it was moved there. */
  async function holderOf(queue: string, channel: Channel): Promise<string> {
    if (isDeadQueue(queue)) {
      await refuseEarlier(queue)
      return queue
    }
    await feed(channel, queue, publisher)
    return quorumQueueOf(queue)
  }

  /** Removes the messages for which `shouldRemove` resolves to true; resolves to their number. */
  async function removeWhere(
    queue: string,
    shouldRemove: (message: GetMessage) => Promise<boolean>,
  ): Promise<number> {
    return withChannel(queue, async (channel) => {
      const name = await holderOf(queue, channel)
      let removed = 0
      // Not up to the depth, in which the broker does not count messages that were released a moment ago.
      for (let left = messagesMax; left > 0; left--) {
        const message = await channel.get(name)
        if (message === false) break
        if (!(await shouldRemove(message))) continue
        channel.ack(message)
        removed += 1
      }
      channel.nackAll(true)
      return removed
    })
  }

  const dropOne = (queue: string, id: string) =>
    removeWhere(queue, async (message) => deliveryOf(message).id === id)
  const purge = (queue: string) =>
    withChannel(
      queue,
      async (channel) => (await channel.purgeQueue(await holderOf(queue, channel))).messageCount,
    )

  return {
    depth,

    async queues() {
      const names = [...used].flatMap((name) => [name, deadQueueOf(name)])
      return Promise.all(names.map(async (name) => ({ name, depth: await depth(name) })))
    },

    async list(queue, { limit = 100, after = 0 } = {}) {
      return withChannel(queue, async (channel) => {
        const name = await holderOf(queue, channel)
        const messages = []
        for (let position = 1; position <= after + limit; position++) {
          const message = await channel.get(name)
          if (message === false) break
          if (position > after) messages.push(storedMessageOf(message, position))
        }
        channel.nackAll(true)
        return messages
      })
    },

    async replay(deadQueue, id) {
      const live = liveQueueOf(deadQueue)
      return removeWhere(deadQueue, async (message) => {
        const { attempt: _, ...published } = deliveryOf(message)
        if (id !== 'all' && published.id !== id) return false
        await publisher.publish(live, published)
        return true
      })
    },

    dropDead: (deadQueue, id) => (id === 'all' ? purge(deadQueue) : dropOne(deadQueue, id)),
    purge,
    dropWaiting: dropOne,
    redeclare: (queue) =>
      withChannel(queue, async () => redeclare(await connection.current(), { queue, topology, publisher })),
  }
}

/** The queues of the broker in which messages of a queue are. */
function namesOf(queue: string): string[] {
  return isDeadQueue(queue) ? [queue] : [queue, quorumQueueOf(queue)]
}
