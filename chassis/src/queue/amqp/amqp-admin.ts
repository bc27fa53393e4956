import type { Channel, GetMessage } from 'amqplib'
import { createDeadLetterAdmin } from '../dead-letters.ts'
import type { DeadLetterStore } from '../dead-letters.ts'
import { deadQueueOf, isDeadQueue, liveQueueOf } from '../port.ts'
import type { DeadLetter, QueueAdmin } from '../port.ts'
import { deliveryOf, storedMessageOf } from './message.ts'
import { createQueueAccess } from './queue-access.ts'
import type { QueueAccessParts } from './queue-access.ts'
import { redeclare } from './redeclaration.ts'
import { quorumQueueOf } from './topology.ts'

const messagesMax = 100_000

/** `sentId` is empty for a message that was published without an id, whose id is another one each time that it is read. */
type Letter = DeadLetter & { readonly sentId: string }

/** Lists and changes messages by getting them one by one and releasing those that stay; consumers do not see them meanwhile. */
export function createAmqpAdmin(parts: QueueAccessParts): Omit<QueueAdmin, 'close'> {
  const { connection, topology, publisher, used } = parts
  const access = createQueueAccess(parts)
  const { withChannel, withHolder } = access

  const depth = (queue: string) =>
    withChannel(queue, async (channel) => {
      const counts = await Promise.all(namesOf(queue).map((name) => channel.checkQueue(name)))
      return counts.reduce((sum, { messageCount }) => sum + messageCount, 0)
    })

  return {
    depth,
    ...createDeadLetterAdmin(createStore(parts, { withHolder, depth })),
    lookEffect:
      'RabbitMQ shows messages by taking them out and putting them back: meanwhile no consumer gets them, each counts one more delivery, and ' +
      'their order may change. It does not show those that consumers hold or that wait for their next attempt.',

    async queues() {
      const names = [...used].flatMap((name) => [name, deadQueueOf(name)])
      return Promise.all(names.map(async (name) => ({ name, depth: await depth(name) })))
    },

    async list(queue, { limit = 100, after = 0, reason } = {}) {
      return withHolder(queue, async (channel, name) => {
        const messages = []
        for (let position = 1; position <= messagesMax && messages.length < limit; position++) {
          const message = await channel.get(name)
          if (message === false) break
          const stored = storedMessageOf(message, position)
          if (position > after && (reason === undefined || (stored.reason ?? '') === reason))
            messages.push(stored)
        }
        channel.nackAll(true)
        return messages
      })
    },

    purge: (queue) =>
      withHolder(queue, async (channel, name) => (await channel.purgeQueue(name)).messageCount),

    dropWaiting: (queue, id) =>
      withHolder(queue, async (channel, name) => {
        let removed = 0
        await getEach(channel, name, (message) => {
          if (deliveryOf(message).id !== id) return true
          channel.ack(message)
          removed += 1
          return true
        })
        channel.nackAll(true)
        return removed
      }),

    redeclare: (queue) =>
      withChannel(queue, async () => redeclare(await connection.current(), { queue, topology, publisher })),
  }
}

function createStore(
  { publisher }: QueueAccessParts,
  { withHolder, depth }: Pick<ReturnType<typeof createQueueAccess>, 'withHolder'> & Pick<QueueAdmin, 'depth'>,
): DeadLetterStore<Letter> {
  /**
   * Takes these letters, does the work for each at the pace of the move, and removes it then. Those that wait for it are taken for a minute
   * at most, since the broker ends a channel that holds messages for long.
   */
  const moveEach =
    (work: (message: GetMessage, deadQueue: string) => Promise<string>): DeadLetterStore<Letter>['remove'] =>
    async (deadQueue, letters, move) => {
      const size = Math.max(1, Math.min(messagesMax, move.perMinute))
      for (let at = 0; at < letters.length && !move.isEnded(); at += size)
        await withHolder(deadQueue, async (channel, name) => {
          const taken = await takeThese(channel, name, letters.slice(at, at + size))
          for await (const batch of move.batches(taken, 1))
            for (const message of batch) {
              const id = await work(message, deadQueue)
              channel.ack(message)
              move.moved([{ ...letterOf(message), id }])
            }
          channel.nackAll(true)
        })
    }

  return {
    depth,

    scan: (deadQueue, _ids, visit) =>
      withHolder(deadQueue, async (channel, name) => {
        await getEach(channel, name, (message) => visit(letterOf(message)))
        channel.nackAll(true)
      }),

    replay: moveEach(async (message, deadQueue) => {
      const { attempt: _, ...published } = deliveryOf(message)
      await publisher.publish(liveQueueOf(deadQueue), published)
      return published.id
    }),

    remove: moveEach(async (message) => deliveryOf(message).id),
  }
}

/** Gets messages until `visit` returns false; all that wait, not the depth, in which those released a moment ago are not counted. */
async function getEach(
  channel: Channel,
  name: string,
  visit: (message: GetMessage) => boolean,
): Promise<void> {
  for (let left = messagesMax; left > 0; left--) {
    const message = await channel.get(name)
    if (message === false || !visit(message)) return
  }
}

/** The messages of these letters, as far as they are still there; all others are released. */
async function takeThese(
  channel: Channel,
  name: string,
  letters: readonly Letter[],
): Promise<readonly GetMessage[]> {
  const wanted = new Map<string, number>()
  for (const { sentId } of letters) wanted.set(sentId, (wanted.get(sentId) ?? 0) + 1)
  const taken: GetMessage[] = []
  const others: GetMessage[] = []
  await getEach(channel, name, (message) => {
    const { sentId } = letterOf(message)
    const left = wanted.get(sentId) ?? 0
    wanted.set(sentId, left - 1)
    if (left > 0) taken.push(message)
    else others.push(message)
    return taken.length < letters.length
  })
  for (const other of others) channel.nack(other, false, true)
  return taken
}

function letterOf(message: GetMessage): Letter {
  const { id, reason = '', failedAt } = storedMessageOf(message, 0)
  const { messageId } = message.properties
  return {
    id,
    sentId: typeof messageId === 'string' ? messageId : '',
    reason,
    ...(failedAt !== undefined && { failedAt }),
  }
}

/** The queues of the broker in which messages of a queue are. */
function namesOf(queue: string): string[] {
  return isDeadQueue(queue) ? [queue] : [queue, quorumQueueOf(queue)]
}
