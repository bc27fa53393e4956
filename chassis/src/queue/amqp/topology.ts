import type { Channel, ChannelModel } from 'amqplib'
import { dependencyDown } from '../../errors/index.ts'
import { deadQueueOf } from '../port.ts'

/**
 * How often the broker itself hands a message out before it takes it for one that kills its consumers. Failures are counted
 * by the consumers, which stop well before; but whatever is given back unhandled, as at each stop, counts here too.
 */
const deliveriesMax = 100

/** A factor of four apart: few queues, and a pause is never lengthened by more than that. */
const pausesMs = [100, 400, 1_600, 6_400, 25_600, 102_400, 409_600, 1_638_400, 3_600_000] as const

const preconditionFailed = 406

/** Dead-lettering that waits for its target's confirmation needs to refuse, rather than drop, what there is no room for. */
const handedOnSafely = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }

/** What a queue is declared with, beside its kind. */
export function argumentsOf(queue: string): Record<string, unknown> {
  return {
    'x-delivery-limit': deliveriesMax,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': deadQueueOf(queue),
    ...handedOnSafely,
  }
}

/** Declares queues once for each connection. */
export type AmqpTopology = {
  /** The queue and that of its dead letters. */
  ensure(connection: ChannelModel, queue: string): Promise<void>
  /** Where a message of the queue waits that long at least before it comes back to it; gives its name. */
  ensurePause(connection: ChannelModel, queue: string, ms: number): Promise<string>
  /** To be declared again before it is next used, since a message to it came back. */
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
      const name = `${queue}.retry.${pauseMs}`
      await once(connection, name, () =>
        declare(connection, name, {
          'x-message-ttl': pauseMs,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': queue,
          ...handedOnSafely,
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
 * A durable quorum queue. One that is there with other arguments is taken as it is, such as a classic queue that another
 * program has declared; but not one that forgets its messages when the broker restarts.
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

/** The broker closes a channel for a fault on it, and a listener must be there for that. */
export async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  return channel
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
