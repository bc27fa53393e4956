import { systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import type { Queue } from './port.ts'

export * from './port.ts'
export { queueCommandUsage, runQueueCommand } from './command.ts'
export { exportQueueMetrics } from './metrics.ts'

/** Opens the queue that a URL names; the scheme chooses the adapter, whose client library is loaded only then. */
export async function openQueue(
  url: string,
  { clock = systemClock }: { clock?: Clock } = {},
): Promise<Queue> {
  const scheme = url.slice(0, url.indexOf(':') + 1)
  const open = adapters[scheme]
  if (open === undefined) {
    const known = Object.keys(adapters).join(', ')
    throw new Error(`There is no queue adapter for "${scheme}"; known: ${known}`)
  }
  return open(url, clock)
}

const kafka = async (url: string, clock: Clock) =>
  (await import('./kafka/kafka-queue.ts')).openKafkaQueue(url, clock)
const amqp = async (url: string, clock: Clock) =>
  (await import('./amqp/amqp-queue.ts')).openAmqpQueue(url, clock)

const adapters: Readonly<Record<string, (url: string, clock: Clock) => Promise<Queue>>> = {
  'sqlite:': async (url, clock) => (await import('./sqlite/sqlite-queue.ts')).openSqliteQueue(url, clock),
  'amqp:': amqp,
  'amqps:': amqp,
  'kafka:': kafka,
  'kafkas:': kafka,
}
