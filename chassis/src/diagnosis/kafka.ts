import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { openQueue } from '../queue/index.ts'
import { parseKafkaUrl } from '../queue/kafka/url.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** Kafka: brokers of which one may be lost without anything that was acknowledged. */
export async function diagnoseKafka(url: string): Promise<Finding[]> {
  // The adapter tells best what keeps a client out.
  const queue = await openQueue(url)
  await queue.ping().finally(() => queue.close())
  const { brokers: bootstrapBrokers, connection } = parseKafkaUrl(url)
  const admin = new Admin({ ...connection, clientId: 'quintet-doctor', bootstrapBrokers, retries: 0 })
  try {
    const { brokers } = await admin.metadata({ topics: [] })
    const [id = 1] = brokers.keys()
    const settings = await readSettings(admin, id).catch(() => undefined)
    return [
      good('It answers, and takes the user and the password.'),
      brokersOf(brokers.size),
      ...(settings === undefined
        ? [weak('Settings may not be read, so replication could not be looked at.')]
        : [replicationOf(settings), electionOf(settings)]),
    ]
  } finally {
    await admin.close().catch(() => {})
  }
}

type Settings = ReadonlyMap<string, string | null | undefined>

const looked = ['default.replication.factor', 'min.insync.replicas', 'unclean.leader.election.enable']

async function readSettings(admin: Admin, broker: number): Promise<Settings> {
  const resource = {
    resourceType: ConfigResourceTypes.BROKER,
    resourceName: String(broker),
    configurationKeys: looked,
  }
  const [description] = await admin.describeConfigs({ resources: [resource] })
  return new Map(description?.configs.map(({ name, value }) => [name, value]))
}

function brokersOf(count: number): Finding {
  return count >= 3
    ? good(`There are ${count} brokers.`)
    : weak(`There ${count === 1 ? 'is one broker' : 'are two brokers'}: what is on a lost disk is lost.`)
}

function replicationOf(settings: Settings): Finding {
  const factor = Number(settings.get('default.replication.factor'))
  const inSync = Number(settings.get('min.insync.replicas'))
  const told = `New topics are on ${factor} brokers, and ${inSync} must have what is acknowledged`
  if (inSync > factor) return broken(`${told}: nothing can be written.`)
  return inSync >= 2
    ? good(`${told}.`)
    : weak(`${told}: set default.replication.factor to 3 and min.insync.replicas to 2.`)
}

function electionOf(settings: Settings): Finding {
  return settings.get('unclean.leader.election.enable') === 'false'
    ? good('Only a broker that has everything can take over a partition.')
    : broken(
        'unclean.leader.election.enable is on: a broker that has less may take over, and what was acknowledged is gone.',
      )
}
