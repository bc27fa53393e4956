import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { openQueue } from '../queue/index.ts'
import { parseKafkaUrl } from '../queue/kafka/url.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** Kafka: enough brokers and replicas that the loss of one loses nothing acknowledged. */
export async function diagnoseKafka(url: string): Promise<Finding[]> {
  // The adapter has the best error messages for a refused connection.
  const queue = await openQueue(url)
  await queue.ping().finally(() => queue.close())
  const { brokers: bootstrapBrokers, connection } = parseKafkaUrl(url)
  const admin = new Admin({ ...connection, clientId: 'quintet-doctor', bootstrapBrokers, retries: 0 })
  try {
    const { brokers } = await admin.metadata({ topics: [] })
    const [id = 1] = brokers.keys()
    const settings = await readSettings(admin, id).catch(() => undefined)
    return [
      good('It responds, and accepts the user and the password.'),
      brokersOf(brokers.size),
      ...(settings === undefined
        ? [weak('The settings may not be read, so replication could not be examined.')]
        : [replicationOf(settings), electionOf(settings)]),
    ]
  } finally {
    await admin.close().catch(() => {})
  }
}

type Settings = ReadonlyMap<string, string | null | undefined>

const examined = ['default.replication.factor', 'min.insync.replicas', 'unclean.leader.election.enable']

async function readSettings(admin: Admin, broker: number): Promise<Settings> {
  const resource = {
    resourceType: ConfigResourceTypes.BROKER,
    resourceName: String(broker),
    configurationKeys: examined,
  }
  const [description] = await admin.describeConfigs({ resources: [resource] })
  return new Map(description?.configs.map(({ name, value }) => [name, value]))
}

function brokersOf(count: number): Finding {
  return count >= 3
    ? good(`There are ${count} brokers.`)
    : weak(`There ${count === 1 ? 'is one broker' : 'are two brokers'}: messages on a lost disk are lost.`)
}

function replicationOf(settings: Settings): Finding {
  const factor = Number(settings.get('default.replication.factor'))
  const inSync = Number(settings.get('min.insync.replicas'))
  const summary = `New topics have ${factor} replicas, of which ${inSync} must be in sync`
  if (inSync > factor) return broken(`${summary}: nothing can be written.`)
  return inSync >= 2
    ? good(`${summary}.`)
    : weak(`${summary}: set default.replication.factor to 3 and min.insync.replicas to 2.`)
}

function electionOf(settings: Settings): Finding {
  return settings.get('unclean.leader.election.enable') === 'false'
    ? good('Only an in-sync replica can become leader of a partition.')
    : broken(
        'unclean.leader.election.enable is on: a replica that lacks acknowledged messages may become leader, which loses them.',
      )
}
