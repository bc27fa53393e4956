import { existsSync } from 'node:fs'
import { systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { databaseFile, refuseHalfRestored, unknownMigrationsOf } from '../database/index.ts'
import { AppError } from '../errors/index.ts'
import type { FailureLogger, Tracer } from '../telemetry/index.ts'
import { measuredQueue } from './messaging-metrics.ts'
import type { MeasuredMessages } from './messaging-metrics.ts'
import type { EventStream, Message, OncePublisher, Queue, UnkeyedMessage, WorkQueue } from './port.ts'
import { queueMigrations } from './sqlite/migrations-folder.ts'
import { tracedOnce, tracedQueue } from './traced-queue.ts'

export * from './port.ts'
export { queueCommandUsage, queueOptions } from './command-arguments.ts'
export { runQueueCommand } from './command.ts'
export { printable } from './printable.ts'
export { describeOutcome, followReplay } from './replay-outcome.ts'
export type { ReplayOutcome } from './replay-outcome.ts'
export { unavailableAdmin } from './unavailable-admin.ts'
export { exportQueueMetrics } from './metrics.ts'
export { queueMigrations } from './sqlite/migrations-folder.ts'
export { createMessageAudit } from './message-audit.ts'
export { untilAvailable } from './until-available.ts'

export type OpenOptions = {
  readonly clock?: Clock
  /** Queues to list, for a broker that cannot list its own: RabbitMQ. Those that were used here are listed anyway. */
  readonly queues?: readonly string[]
  /** For failures of consumers. */
  readonly logger?: FailureLogger
  /** Records the handling of messages. */
  readonly tracer?: Tracer | undefined
  /** Where messages are counted; nowhere by default. */
  readonly measured?: MeasuredMessages
}

type AdapterOptions = Required<Pick<OpenOptions, 'clock' | 'queues'>> & Pick<OpenOptions, 'logger'>
type Adapters<T> = Readonly<Record<string, (url: string, options: AdapterOptions) => Promise<T>>>

const openSqlite = async (url: string, { clock, logger }: AdapterOptions) =>
  (await import('./sqlite/sqlite-queue.ts')).openSqliteQueue(url, clock, logger)
const openAmqp = async (url: string, { clock, queues, logger }: AdapterOptions) =>
  (await import('./amqp/amqp-queue.ts')).openAmqpQueue(url, { clock, logger, names: queues })
const openAmqpInOrder = async (url: string, { clock, queues, logger }: AdapterOptions) =>
  (await import('./amqp/amqp-queue.ts')).openAmqpQueue(url, { clock, logger, names: queues, inOrder: true })
const openKafka = async (url: string, { clock, logger }: AdapterOptions) =>
  (await import('./kafka/kafka-queue.ts')).openKafkaQueue(url, clock, logger)

// A table for each thing that a service may need, in which the compiler accepts only adapters that offer it.
const keyedAdapters: Adapters<Queue> = {
  'sqlite:': openSqlite,
  'amqp:': openAmqpInOrder,
  'amqps:': openAmqpInOrder,
  'kafka:': openKafka,
  'kafkas:': openKafka,
}
const queueAdapters: Adapters<Queue<UnkeyedMessage>> = {
  ...keyedAdapters,
  'amqp:': openAmqp,
  'amqps:': openAmqp,
}
const onceAdapters: Adapters<Queue & OncePublisher> = {
  'sqlite:': openSqlite,
}
const streamAdapters: Adapters<Queue & EventStream> = {
  'sqlite:': openSqlite,
  'kafka:': openKafka,
  'kafkas:': openKafka,
}

/** What OpenTelemetry calls the brokers. */
const systems: Readonly<Record<string, string>> = {
  'sqlite:': 'sqlite',
  'amqp:': 'rabbitmq',
  'amqps:': 'rabbitmq',
  'kafka:': 'kafka',
  'kafkas:': 'kafka',
}

/** The schemes of brokers that keep the order of the messages of one key, for settings. */
export const keyedSchemes: readonly string[] = Object.keys(keyedAdapters)

/** The schemes of brokers with event streams, for settings. */
export const streamSchemes: readonly string[] = Object.keys(streamAdapters)

/** Throws where the URL names a file with tables of a later version, which no retry can open. For whatever opens its queue later. */
export async function refuseLaterTables(url: string): Promise<void> {
  const fault = await unknownMigrationsOf(url, queueMigrations)
  if (fault !== undefined) throw new AppError('conflict', fault)
}

/** Opens the queues that a URL names; the scheme selects the adapter, whose client library is loaded only then. */
export async function openQueue(url: string, options: OpenOptions = {}): Promise<Queue<UnkeyedMessage>> {
  return open<UnkeyedMessage, Queue<UnkeyedMessage>>(queueAdapters, url, options)
}

/** The same, of a broker that keeps the order of the messages of one key. */
export async function openKeyedQueue(url: string, options: OpenOptions = {}): Promise<Queue> {
  return open<Message, Queue>(keyedAdapters, url, options)
}

/** The same, of a broker that stores the keys of publications. */
export async function openOnceQueue(url: string, options: OpenOptions = {}): Promise<Queue & OncePublisher> {
  return tracedOnce<Message, Queue & OncePublisher>(
    await open<Message, Queue & OncePublisher>(onceAdapters, url, options),
  )
}

/** Whether `openOnceQueue` can open this URL. */
export function storesPublicationKeys(url: string): boolean {
  return Object.hasOwn(onceAdapters, schemeOf(url))
}

/** The same, of a broker that has event streams as well. */
export async function openStreamQueue(url: string, options: OpenOptions = {}): Promise<Queue & EventStream> {
  return open<Message, Queue & EventStream>(streamAdapters, url, options)
}

/** Whether the file of the queues of this URL exists; true for a broker, which needs none. Throws where a restore of it has not ended. */
export function queueExists(url: string): boolean {
  if (schemeOf(url) !== 'sqlite:') return true
  const file = databaseFile(url)
  if (file === undefined) return false
  refuseHalfRestored(file)
  return existsSync(file)
}

async function open<M extends Message, T extends WorkQueue<M>>(
  adapters: Adapters<T>,
  url: string,
  { clock = systemClock, queues = [], logger, tracer, measured }: OpenOptions,
): Promise<T> {
  const scheme = schemeOf(url)
  const adapter = adapters[scheme]
  if (adapter === undefined) {
    const schemes = Object.keys(adapters).join(', ')
    throw new Error(`No queue adapter for "${scheme}" offers what is needed; use one of ${schemes}`)
  }
  const queue = await adapter(url, { clock, queues, ...(logger && { logger }) })
  const counted =
    measured === undefined ? queue : measuredQueue<M, T>(queue, measured, systems[scheme] ?? scheme)
  return tracedQueue<M, T>(counted, tracer)
}

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':') + 1)
}
