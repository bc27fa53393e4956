import type { GetMessage } from 'amqplib'
import { deadQueueOf, isDeadQueue, liveQueueOf } from '../port.ts'
import type { QueueAdmin, WorkQueue } from '../port.ts'
import { deliveryOf, storedMessageOf } from './message.ts'
import { createQueueAccess } from './queue-access.ts'
import type { QueueAccessParts } from './queue-access.ts'
import { redeclare } from './redeclaration.ts'
import { quorumQueueOf } from './topology.ts'

const messagesMax = 100_000

/** Lists and changes messages by getting them one by one and releasing those that stay; consumers do not see them meanwhile. */
export function createAmqpAdmin(
  parts: QueueAccessParts,
): Omit<QueueAdmin, 'close'> & Pick<WorkQueue, 'depth'> {
  const { connection, topology, publisher, used } = parts
  const { withChannel, withHolder } = createQueueAccess(parts)

  const depth = (queue: string) =>
    withChannel(queue, async (channel) => {
      const counts = await Promise.all(namesOf(queue).map((name) => channel.checkQueue(name)))
      return counts.reduce((sum, { messageCount }) => sum + messageCount, 0)
    })

  /** Removes the messages for which `shouldRemove` resolves to true; resolves to their number. */
  async function removeWhere(
    queue: string,
    shouldRemove: (message: GetMessage) => Promise<boolean>,
  ): Promise<number> {
    return withHolder(queue, async (channel, name) => {
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
    withHolder(queue, async (channel, name) => (await channel.purgeQueue(name)).messageCount)

  return {
    depth,

    async queues() {
      const names = [...used].flatMap((name) => [name, deadQueueOf(name)])
      return Promise.all(names.map(async (name) => ({ name, depth: await depth(name) })))
    },

    async list(queue, { limit = 100, after = 0 } = {}) {
      return withHolder(queue, async (channel, name) => {
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
