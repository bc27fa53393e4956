import type { Settings } from '@quintet/chassis/config'
import { unusedStorage } from '@quintet/chassis/diagnosis'
import { dependencyDown, operatorMessage } from '@quintet/chassis/errors'
import {
  openQueue,
  queueExists,
  runQueueCommand,
  sourceQueueOf,
  unavailableAdmin,
} from '@quintet/chassis/queue'
import type { QueueAdmin } from '@quintet/chassis/queue'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import type { Service } from '../topology.ts'
import { services } from '../topology.ts'
import { settingsFor, storageOf, storageUser } from './services.ts'
import { UsageError } from './usage-error.ts'

/** `quintet queue`: inspects and changes the queues of all services, which may be on one broker or on several. */
export async function queue(words: readonly string[]): Promise<void> {
  const stream = streams.find((name) => words.includes(name))
  if (stream !== undefined)
    throw new UsageError(`${stream} is a stream of events, not a queue: quintet events prints it.`)
  const consuming = serviceNames.filter((name) => 'queue' in topology[name].storage)
  const settings = settingsFor(consuming)
  const brokers: QueueAdmin[] = []
  try {
    for (const broker of brokersOf(settings)) brokers.push(await openBroker(broker))
    process.stdout.write(await runQueueCommand(brokers, words, { onFailure: report }))
  } finally {
    for (const broker of brokers) await broker.close()
  }
  if (words[0] === 'list') await reportUnused(consuming, settings)
}

/** Messages in places that the settings do not name are in none of the listed queues. */
async function reportUnused(names: readonly ServiceName[], settings: Settings): Promise<void> {
  for (const name of names) {
    const { storage }: ServiceEntry = topology[name]
    const unused = await unusedStorage(storageUser(name, settings))
    for (const { setting, text } of unused) if (setting === storage.queue) process.stderr.write(`${text}\n`)
  }
}

/** The command continues with the other brokers, and fails at the end. */
function report(error: unknown): void {
  const message = operatorMessage(error)
  if (message === undefined) throw error
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

/** A broker that cannot be opened, or whose queues cannot be read, is reported when they are read, so that the others are read too. */
export async function openBroker({ url, queues: consumed }: BrokerPlace): Promise<QueueAdmin> {
  const names = consumed.map(({ name }) => name)
  const subject = new Intl.ListFormat('en-GB').format(names)
  const faultOf = (error: unknown): unknown => {
    const reason = operatorMessage(error)
    return reason === undefined ? error : dependencyDown(`${subject} cannot be read: ${reason}`)
  }
  try {
    // The file is created by the services only, so a missing file counts as empty.
    const broker = await openQueue(queueExists(url) ? url : 'sqlite::memory:', { queues: names })
    const queues = () => broker.queues().catch((error: unknown) => Promise.reject(faultOf(error)))
    return withQueues({ ...broker, queues }, names)
  } catch (error) {
    return unavailableAdmin(faultOf(error))
  }
}

const consumedQueues = Object.values(services).flatMap(({ queue }: Service) => queue ?? [])
const streams = Object.values(services).flatMap(({ stream }: Service) => stream ?? [])

/** A broker, with the queues that services consume there. `shown` is its URL without a password. */
export type BrokerPlace = {
  readonly url: string
  readonly shown: string
  readonly queues: readonly { readonly name: string; readonly service: ServiceName }[]
}

/** The brokers of the queues that services consume, but for those whose setting is invalid. */
export function brokersOf(settings: Settings): BrokerPlace[] {
  const places = serviceNames.flatMap((service) => {
    const { queue: name }: Service = services[service]
    const { storage }: ServiceEntry = topology[service]
    const place = storageOf(service, settings).find(({ setting }) => setting === storage.queue)
    return name === undefined || place === undefined ? [] : [{ ...place, name, service }]
  })
  return [...Map.groupBy(places, ({ url }) => url)].map(([url, queues]) => ({
    url,
    shown: queues[0]?.shown ?? '',
    queues: queues.map(({ name, service }) => ({ name, service })),
  }))
}

/** The same broker, which lists these queues also before their first message, and none of the services that are on another broker. */
function withQueues(broker: QueueAdmin, names: readonly string[]): QueueAdmin {
  const isElsewhere = (queue: string) => consumedQueues.includes(queue) && !names.includes(queue)
  return {
    ...broker,
    async queues() {
      const all = await broker.queues()
      const found = all.filter(({ name }) => !isElsewhere(sourceQueueOf(name)))
      const unused = names.filter((name) => !found.some((queue) => queue.name === name))
      const listed = [...found, ...unused.map((name) => ({ name, depth: 0 }))]
      return listed.sort((one, other) => (one.name < other.name ? -1 : 1))
    },
  }
}
