import type { Clock } from '../../clock/index.ts'
import { createDeadLetterAdmin } from '../dead-letters.ts'
import type { DeadLetterStore } from '../dead-letters.ts'
import { deadQueueOf, isDeadQueue, listMax, liveQueueOf } from '../port.ts'
import type { QueueAdmin, StoredMessage } from '../port.ts'
import type { KafkaCluster } from './cluster.ts'
import { recordOf, removalOf } from './message.ts'
import type { KafkaProducer } from './producer.ts'
import type { StoredMessages } from './stored-messages.ts'

/** How many letters are moved by one request. */
const batchMax = 100

type AdminParts = {
  readonly cluster: KafkaCluster
  readonly producer: KafkaProducer
  readonly stored: StoredMessages
  readonly clock: Clock
}

export function createKafkaAdmin({
  cluster,
  producer,
  stored,
  clock,
}: AdminParts): Omit<QueueAdmin, 'close'> {
  const deadLetters = createDeadLetterAdmin(createStore({ cluster, producer, stored }))

  async function describe(topic: string) {
    const name = cluster.queueName(topic)
    if (name === undefined) return []
    const depth = await stored.depth(topic)
    if (isDeadQueue(topic) && depth === 0) return []
    const oldest = depth === 0 ? undefined : await stored.oldestPublishedAt(topic)
    return [{ name, depth, ...(oldest !== undefined && { oldestAgeMs: Math.max(0, clock.now() - oldest) }) }]
  }

  return {
    depth: (queue) => stored.depth(cluster.topicName(queue)),
    ...deadLetters,

    /** Topics with one for dead letters are queues; others are streams, or of other programs. */
    async queues() {
      const topics = new Set(await cluster.topics())
      const live = [...topics].filter((topic) => topics.has(deadQueueOf(topic)))
      const queues = await Promise.all(live.flatMap((topic) => [topic, deadQueueOf(topic)]).map(describe))
      return queues.flat().sort((a, b) => (a.name < b.name ? -1 : 1))
    },

    async oldestAgeMs(queue) {
      const oldest = await stored.oldestPublishedAt(cluster.topicName(queue))
      return oldest === undefined ? 0 : Math.max(0, clock.now() - oldest)
    },

    list: (queue, { limit = 100, after = 0, reason } = {}) =>
      stored.list(cluster.topicName(queue), { limit: Math.min(limit, listMax), after, reason }),

    purge: async (queue) =>
      isDeadQueue(queue)
        ? (await deadLetters.dropDead(queue, {})).length
        : stored.truncate(cluster.topicName(queue)),
  }
}

type Letter = StoredMessage & { readonly reason: string }

/** Letters are removed by a record for each, which is appended once its message is in the queue again. */
function createStore({ cluster, producer, stored }: Omit<AdminParts, 'clock'>): DeadLetterStore<Letter> {
  /** Removes letters batch by batch, each after the work for it. */
  async function removeEach(
    ...[deadQueue, letters, move, work]: [
      ...Parameters<DeadLetterStore<Letter>['remove']>,
      work?: (batch: readonly Letter[]) => Promise<unknown>,
    ]
  ): Promise<void> {
    const topic = cluster.topicName(deadQueue)
    for await (const batch of move.batches(letters, batchMax)) {
      await work?.(batch)
      await producer.send(
        topic,
        batch.map(({ id }) => removalOf(topic, id)),
      )
      move.moved(batch)
    }
  }

  return {
    depth: (queue) => stored.depth(cluster.topicName(queue)),

    async scan(deadQueue, _ids, visit) {
      for (const letter of await stored.deadLetters(cluster.topicName(deadQueue)))
        if (!visit({ ...letter, reason: letter.reason ?? '' })) return
    },

    async replay(deadQueue, letters, move) {
      const live = cluster.topicName(liveQueueOf(deadQueue))
      await cluster.ensureQueue(live)
      await removeEach(deadQueue, letters, move, (batch) =>
        producer.send(
          live,
          batch.map((letter) => recordOf(live, letter)),
        ),
      )
    },

    remove: (deadQueue, letters, move) => removeEach(deadQueue, letters, move),
  }
}
