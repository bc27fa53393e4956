import type { Clock } from '../../clock/index.ts'
import { deadQueueOf, isDeadQueue, listMax, liveQueueOf } from '../port.ts'
import type { QueueAdmin, StoredMessage } from '../port.ts'
import type { KafkaCluster } from './cluster.ts'
import { recordOf, removalOf } from './message.ts'
import type { KafkaProducer } from './producer.ts'
import type { StoredMessages } from './stored-messages.ts'

export function createKafkaAdmin({
  cluster,
  producer,
  stored,
  clock,
}: {
  cluster: KafkaCluster
  producer: KafkaProducer
  stored: StoredMessages
  clock: Clock
}): Omit<QueueAdmin, 'close'> {
  async function describe(topic: string) {
    const name = cluster.queueName(topic)
    if (name === undefined) return []
    const depth = await stored.depth(topic)
    if (isDeadQueue(topic) && depth === 0) return []
    const oldest = depth === 0 ? undefined : await stored.oldestPublishedAt(topic)
    return [{ name, depth, ...(oldest !== undefined && { oldestAgeMs: Math.max(0, clock.now() - oldest) }) }]
  }

  /** Appends a removal for each dead letter, after `work` was done for it. */
  async function removeDead(
    deadQueue: string,
    id: string | 'all',
    work: (letter: StoredMessage) => Promise<void>,
  ): Promise<number> {
    const topic = cluster.topicName(deadQueue)
    const letters = (await stored.deadLetters(topic)).filter((letter) => id === 'all' || letter.id === id)
    for (const letter of letters) {
      await work(letter)
      await producer.send(topic, [removalOf(topic, letter.id)])
    }
    return letters.length
  }

  const dropDead = (deadQueue: string, id: string | 'all') => removeDead(deadQueue, id, async () => {})

  return {
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

    list: (queue, { limit = 100, after = 0 } = {}) =>
      stored.list(cluster.topicName(queue), Math.min(limit, listMax), after),

    async replay(deadQueue, id) {
      const live = cluster.topicName(liveQueueOf(deadQueue))
      await cluster.ensureQueue(live)
      return removeDead(deadQueue, id, (letter) => producer.send(live, [recordOf(live, letter)]))
    },

    dropDead,
    purge: (queue) =>
      isDeadQueue(queue) ? dropDead(queue, 'all') : stored.truncate(cluster.topicName(queue)),
  }
}
