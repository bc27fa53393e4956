import type { Channel, ChannelModel } from 'amqplib'
import { dependencyDown } from '../../errors/index.ts'
import { deadQueueOf } from '../port.ts'
import { retryInfix } from './message.ts'

/**
 * How often the broker delivers a message before it dead-letters it, as one that kills its consumers. Consumers count failures
 * themselves and stop well before; but messages that are released unhandled, as when a consumer stops, count here too.
 */
const deliveriesMax = 100

/** The factor of four keeps the number of queues small, and pauses at most four times as long as requested. */
const pausesMs = [100, 400, 1_600, 6_400, 25_600, 102_400, 409_600, 1_638_400, 3_600_000] as const

const preconditionFailed = 406

/** At-least-once dead-lettering requires that a full queue rejects messages instead of dropping them. */
const atLeastOnce = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }

/** The arguments of a queue, except its type. */
export function argumentsOf(queue: string): Record<string, unknown> {
  return {
    'x-delivery-limit': deliveriesMax,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': deadQueueOf(queue),
    ...atLeastOnce,
  }
}

/** Declares queues, once on each connection. */
export type AmqpTopology = {
  /** Declares a queue and that of its dead letters. */
  ensure(connection: ChannelModel, queue: string): Promise<void>
  /** Declares a queue in which messages wait at least so long before they return to theirs; resolves to its name. */
  ensurePause(connection: ChannelModel, queue: string, ms: number): Promise<string>
  /** Declares the queue again at its next use, after a message to it was returned. */
  forget(connection: ChannelModel, queue: string): void
}

export function createAmqpTopology(): AmqpTopology {
  const known = new WeakMap<ChannelModel, Map<string, Promise<void>>>()

  function once(connection: ChannelModel, name: string, declare: () => Promise<void>): Promise<void> {
    const declared = known.get(connection) ?? new Map<string, Promise<void>>()
    known.set(connection, declared)
    const declaring = declared.get(name) ?? declare()
    declared.set(name, declaring)
    declaring.catch(() => declared.delete(name))
    return declaring
  }

  return {
    ensure: (connection, queue) =>
      once(connection, queue, async () => {
        await declare(connection, deadQueueOf(queue), {})
        await declare(connection, queue, argumentsOf(queue))
      }),
    async ensurePause(connection, queue, ms) {
      const pauseMs = pausesMs.find((pause) => pause >= ms) ?? pausesMs[pausesMs.length - 1] ?? ms
      const name = `${queue}${retryInfix}${pauseMs}`
      await once(connection, name, () =>
        declare(connection, name, {
          'x-message-ttl': pauseMs,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': queue,
          ...atLeastOnce,
        }),
      )
      return name
    },
    forget(connection, queue) {
      known.get(connection)?.delete(queue)
    },
  }
}

/**
 * Declares a durable quorum queue. An existing one with other arguments, such as a classic queue of another program, is used as
 * it is, unless it is not durable.
 */
async function declare(connection: ChannelModel, name: string, args: Record<string, unknown>): Promise<void> {
  const channel = await openChannel(connection)
  try {
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum', ...args } })
  } catch (error) {
    if (codeOf(error) !== preconditionFailed) throw error
    if (/inequivalent arg 'durable'/.test(String(error)))
      throw dependencyDown(`The queue ${name} is not durable, and must be deleted or declared so.`, error)
  } finally {
    await channel.close().catch(() => {})
  }
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
