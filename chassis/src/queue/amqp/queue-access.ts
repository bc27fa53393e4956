import type { Channel } from 'amqplib'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { isDeadQueue, liveQueueOf, sourceQueueOf } from '../port.ts'
import type { AmqpConnection } from './connection.ts'
import { feed } from './feed.ts'
import type { AmqpPublisher } from './publisher.ts'
import { isEarlier } from './redeclaration.ts'
import { closeChannel, openChannel, quorumQueueOf } from './topology.ts'
import type { AmqpTopology } from './topology.ts'

export type QueueAccessParts = {
  readonly connection: AmqpConnection
  readonly topology: AmqpTopology
  readonly publisher: AmqpPublisher
  /** The queues that were used since the start, to which a queue is added. */
  readonly used: Set<string>
}

/** Access to queues of the broker outside of consumers, over a channel for each use. */
export function createQueueAccess({ connection, topology, publisher, used }: QueueAccessParts) {
  /** Declares the queue, then runs `work`. Rejects with AppError where the broker does not respond. */
  async function withChannel<R>(queue: string, work: (channel: Channel) => Promise<R>): Promise<R> {
    const model = await connection.current()
    const live = sourceQueueOf(queue)
    used.add(live)
    try {
      await topology.ensure(model, live)
      const channel = await openChannel(model)
      try {
        return await work(channel)
      } finally {
        await closeChannel(channel)
      }
    } catch (error) {
      topology.forget(model, live)
      throw error instanceof AppError ? error : dependencyDown('The message broker does not respond.', error)
    }
  }

  /** RabbitMQ 4 drops a message of such a queue once it was looked at 20 times. */
  async function refuseEarlier(deadQueue: string): Promise<void> {
    const model = await connection.current()
    const others = await topology.ensure(model, liveQueueOf(deadQueue))
    if (!others.includes(deadQueue) || !(await isEarlier(model, deadQueue))) return
    throw new AppError(
      'conflict',
      `An earlier version has declared ${deadQueue}, so that RabbitMQ could lose its messages when they are looked at; ` +
        `run "quintet queue redeclare ${liveQueueOf(deadQueue)}" first.`,
    )
  }

  /** The queue of the broker that holds the messages, after what waits in the one that feeds it was moved there. */
  async function holderOf(queue: string, channel: Channel): Promise<string> {
    if (isDeadQueue(queue)) {
      await refuseEarlier(queue)
      return queue
    }
    await feed(channel, queue, publisher)
    return quorumQueueOf(queue)
  }

  return {
    withChannel,

    /** The same, with the name of the queue of the broker that holds the messages. */
    withHolder: <R>(queue: string, work: (channel: Channel, name: string) => Promise<R>): Promise<R> =>
      withChannel(queue, async (channel) => work(channel, await holderOf(queue, channel))),
  }
}
