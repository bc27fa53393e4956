import { findErrorBy } from '@platformatic/kafka'
import type { Admin, ClusterTopicMetadata } from '@platformatic/kafka'
import { invalid } from '../../errors/index.ts'
import { deadQueueOf } from '../port.ts'
import { isRetriable } from './response.ts'

const leaderAttemptsMax = 20
const leaderRetryMs = 100

/** Creates topics at their first use. */
export function createTopics(
  admin: () => Admin,
  { partitions, request }: { partitions: number; request: (work: () => Promise<void>) => Promise<void> },
) {
  const created = new Map<string, Promise<void>>()

  function once(topic: string, work: () => Promise<void>): Promise<void> {
    checkName(topic)
    const creating = created.get(topic) ?? request(work)
    created.set(topic, creating)
    creating.catch(() => created.delete(topic))
    return creating
  }

  return {
    /**
     * Creates the topics of a queue and of its dead letters. Those are kept until they are removed, and have one partition, so
     * that they have one order.
     */
    ensureQueue: (topic: string): Promise<void> =>
      once(topic, async () => {
        await createTopic(admin(), topic, partitions)
        await createTopic(admin(), deadQueueOf(topic), 1, forever)
      }),

    /** A stream has one partition, so that it has one order. */
    ensureStream: (topic: string): Promise<void> => once(topic, () => createTopic(admin(), topic, 1)),

    /** Looks the topic up again at its next use. */
    forget: (topic: string): boolean => created.delete(topic),
  }
}

const forever = [
  { name: 'retention.ms', value: '-1' },
  { name: 'retention.bytes', value: '-1' },
]

/** The current metadata of a topic; undefined if it does not exist. */
export async function findTopic(admin: Admin, topic: string): Promise<ClusterTopicMetadata | undefined> {
  try {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
    return topics.get(topic)
  } catch (error) {
    if (error instanceof Error && /^Unknown topic/.test(error.message)) return undefined
    throw error
  }
}

async function createTopic(
  admin: Admin,
  topic: string,
  partitions: number,
  configs: { name: string; value: string }[] = [],
): Promise<void> {
  if ((await findTopic(admin, topic)) !== undefined) return
  await admin.createTopics({ topics: [topic], partitions, configs }).catch((error: Error) => {
    if (findErrorBy(error, 'apiId', 'TOPIC_ALREADY_EXISTS') === null) throw error
  })
  await waitForLeaders(admin, topic)
}

/** Leaders of a new topic are elected a moment after it is created. */
async function waitForLeaders(admin: Admin, topic: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await findTopic(admin, topic).catch((error: unknown) => {
      if (attempt === leaderAttemptsMax || !isRetriable(error)) throw error
    })
    if (found?.partitions.every(({ leader }) => leader >= 0)) return
    if (attempt === leaderAttemptsMax) throw new Error(`The topic ${topic} has no leader.`)
    await new Promise((resolve) => setTimeout(resolve, leaderRetryMs))
  }
}

function checkName(topic: string): void {
  if (!/^[\w.-]{1,249}$/.test(topic) || /^\.{1,2}$/.test(topic))
    throw invalid({ queue: `"${topic}" cannot be the name of a topic of Kafka.` })
}
