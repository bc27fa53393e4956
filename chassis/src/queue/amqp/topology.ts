import { once } from 'node:events'
import type { Channel, ChannelModel } from 'amqplib'
import { dependencyDown } from '../../errors/index.ts'
import { deadQueueOf, isDeadQueue, sourceQueueOf } from '../port.ts'
import { retryInfix } from './message.ts'

/**
 * How often the broker delivers a message before it dead-letters it, as one that kills its consumers. Consumers count failures
 * themselves and stop well before; but messages that are released unhandled, as when a consumer stops or an operator looks at
 * the queue, count here too.
 */
const deliveriesMax = 10_000
/** What a broker of version 4 would otherwise drop after 20 deliveries, since dead letters have no further queue. */
const unlimited = 2 ** 31 - 1

/** The factor of four keeps the number of queues small, and pauses at most four times as long as requested. */
const pausesMs = [100, 400, 1_600, 6_400, 25_600, 102_400, 409_600, 1_638_400, 3_600_000] as const

const preconditionFailed = 406
const quorumSuffix = '.quorum'

/** The queue that holds the messages; the one of the plain name only feeds it (docs/decisions/0019). */
export function quorumQueueOf(queue: string): string {
  return `${queue}${quorumSuffix}`
}

/** At-least-once dead-lettering requires that a full queue rejects messages instead of dropping them. */
const atLeastOnce = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
const quorum = { 'x-queue-type': 'quorum' }

export function quorumArguments(queue: string, deliveries = deliveriesMax): Record<string, unknown> {
  return {
    ...quorum,
    'x-delivery-limit': deliveries,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': deadQueueOf(queue),
    ...atLeastOnce,
  }
}

/** The arguments that an earlier version gave to the queue of the plain name, and to that of the dead letters. */
export function earlierArguments(name: string): Record<string, unknown> {
  return isDeadQueue(name) ? quorum : quorumArguments(name, 100)
}

/** Declares queues, once on each connection. */
export type AmqpTopology = {
  /**
   * Declares what a queue consists of: the one of its name, durable and without arguments, as any program declares it; the one
   * that holds the messages; and that of the dead letters. Resolves to the names of those that exist with other arguments.
   */
  ensure(connection: ChannelModel, queue: string): Promise<readonly string[]>
  /** Declares a queue from which messages go to `destination` after at least so long; resolves to its name. */
  ensurePause(connection: ChannelModel, destination: string, ms: number): Promise<string>
  /** Declares the queue again at its next use, as after a message to it was returned. */
  forget(connection: ChannelModel, name: string): void
}

export function createAmqpTopology(): AmqpTopology {
  const known = new WeakMap<ChannelModel, Map<string, Promise<readonly string[]>>>()

  function once(
    connection: ChannelModel,
    name: string,
    queues: Readonly<Record<string, Record<string, unknown>>>,
  ): Promise<readonly string[]> {
    const declared = known.get(connection) ?? new Map<string, Promise<readonly string[]>>()
    known.set(connection, declared)
    const declaring = declared.get(name) ?? declareAll(connection, queues)
    declared.set(name, declaring)
    declaring.catch(() => declared.delete(name))
    return declaring
  }

  return {
    ensure: (connection, queue) =>
      once(connection, queue, {
        [deadQueueOf(queue)]: { ...quorum, 'x-delivery-limit': unlimited },
        [quorumQueueOf(queue)]: quorumArguments(queue),
        [queue]: {},
      }),
    async ensurePause(connection, destination, ms) {
      const pauseMs = pausesMs.find((pause) => pause >= ms) ?? pausesMs[pausesMs.length - 1] ?? ms
      const name = `${destination}${retryInfix}${pauseMs}`
      const waiting = {
        ...quorum,
        'x-message-ttl': pauseMs,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': destination,
        ...atLeastOnce,
      }
      await once(connection, name, { [name]: waiting })
      return name
    },
    forget(connection, name) {
      const live = sourceQueueOf(name)
      known.get(connection)?.delete(live.endsWith(quorumSuffix) ? live.slice(0, -quorumSuffix.length) : live)
    },
  }
}

async function declareAll(
  connection: ChannelModel,
  queues: Readonly<Record<string, Record<string, unknown>>>,
): Promise<readonly string[]> {
  const others: string[] = []
  for (const [name, args] of Object.entries(queues))
    if (!(await declare(connection, name, args))) others.push(name)
  return others
}

/**
 * Declares a durable queue; false if it exists with other arguments, such as those of another program or of an earlier version: then
 * it is used as it is, unless it is not durable.
 */
export async function declare(
  connection: ChannelModel,
  name: string,
  args: Record<string, unknown>,
): Promise<boolean> {
  const channel = await openChannel(connection)
  try {
    await channel.assertQueue(name, { durable: true, arguments: args })
    return true
  } catch (error) {
    if (codeOf(error) !== preconditionFailed) throw error
    if (/inequivalent arg 'durable'/.test(String(error)))
      throw dependencyDown(`The queue ${name} is not durable, and must be deleted or declared so.`, error)
    return false
  } finally {
    await closeChannel(channel)
  }
}

/** Resolves also when the connection is lost, in which case the client's own `close` waits for ever. */
export async function closeChannel(channel: Channel): Promise<void> {
  await Promise.race([once(channel, 'close'), channel.close()]).catch(() => {})
}

/** The broker closes a channel after an error on it, which needs a listener. */
export async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  return channel
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
