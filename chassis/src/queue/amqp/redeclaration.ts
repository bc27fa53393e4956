import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChannelModel, GetMessage } from 'amqplib'
import { AppError } from '../../errors/index.ts'
import { deadQueueOf } from '../port.ts'
import { moveWaiting } from './feed.ts'
import { deliveryOf, publishedAtOf, storedMessageOf } from './message.ts'
import type { DeliveryState } from './message.ts'
import type { AmqpPublisher } from './publisher.ts'
import { closeChannel, declare, earlierArguments, openChannel, quorumQueueOf } from './topology.ts'
import type { AmqpTopology } from './topology.ts'

/** Longer than a publisher is silent that has much to publish. */
const quietMs = 1_000
/** Dead letters that are being moved return to their queue after so long, should this process end meanwhile. */
const returnAfterMs = 102_400

type Parts = {
  readonly queue: string
  readonly topology: AmqpTopology
  readonly publisher: AmqpPublisher
}

/** Whether a queue has the arguments that an earlier version gave it, which the broker cannot change. */
export function isEarlier(connection: ChannelModel, name: string): Promise<boolean> {
  return declare(connection, name, earlierArguments(name))
}

/**
 * Deletes a queue and that of its dead letters, if an earlier version has declared them, and declares them again with the current
 * arguments; resolves to the number of messages in them, which are kept. Queues of other programs stay as they are. Rejects with
 * `conflict` while a queue is in use, since the broker confirms and loses what is published at the moment of deletion.
 */
export async function redeclare(connection: ChannelModel, parts: Parts): Promise<number> {
  const { queue, topology } = parts
  return withLock(connection, `${queue}.redeclaration`, async () => {
    const others = await topology.ensure(connection, queue)
    for (const name of [queue, quorumQueueOf(queue), deadQueueOf(queue)])
      await refuseConsumed(connection, name)
    let moved = 0
    for (const name of others) {
      if (!(await isEarlier(connection, name))) continue
      if (name === queue) moved += await redeclareLive(connection, parts)
      if (name === deadQueueOf(queue)) moved += await redeclareDead(connection, parts)
    }
    topology.forget(connection, queue)
    await topology.ensure(connection, queue)
    return moved
  })
}

function redeclareLive(connection: ChannelModel, { queue, publisher }: Parts): Promise<number> {
  return moveAndDelete(connection, queue, (message) =>
    publisher.publishUnbounded(queue, deliveryOf(message), { publishedAt: publishedAtOf(message) }),
  )
}

/** By way of a queue from which the broker itself returns them, should this process end meanwhile. */
async function redeclareDead(
  connection: ChannelModel,
  { queue, topology, publisher }: Parts,
): Promise<number> {
  const name = deadQueueOf(queue)
  const refuge = await topology.ensurePause(connection, name, returnAfterMs)
  const moveTo = (to: string) => (message: GetMessage) =>
    publisher.publishTo(to, deliveryOf(message), stateOf(message))
  const moved = await moveAndDelete(connection, name, moveTo(refuge))
  topology.forget(connection, queue)
  await topology.ensure(connection, queue)
  await moveAndDelete(connection, refuge, moveTo(name))
  topology.forget(connection, refuge)
  return moved
}

function stateOf(message: GetMessage): DeliveryState {
  const { attempts, reason, failedAt } = storedMessageOf(message, 0)
  return {
    attempt: attempts,
    ...(reason !== undefined && { reason }),
    ...(failedAt !== undefined && { failedAt }),
    publishedAt: publishedAtOf(message),
  }
}

/** Publishes all messages of a queue elsewhere, and deletes it once nothing has arrived for a while; resolves to their number. */
async function moveAndDelete(
  connection: ChannelModel,
  name: string,
  publish: (message: GetMessage) => Promise<void>,
): Promise<number> {
  const channel = await openChannel(connection)
  try {
    const moved = await moveWaiting(channel, name, publish)
    await pause(quietMs)
    if ((await moveWaiting(channel, name, publish)) > 0) throw inUse(name)
    await channel.deleteQueue(name)
    return moved
  } finally {
    await closeChannel(channel)
  }
}

async function refuseConsumed(connection: ChannelModel, name: string): Promise<void> {
  const channel = await openChannel(connection)
  const { consumerCount } = await channel.checkQueue(name).finally(() => closeChannel(channel))
  if (consumerCount > 0) throw inUse(name)
}

function inUse(name: string): AppError {
  return new AppError(
    'conflict',
    `${name} is in use: stop what publishes to it and what consumes it, then try again.`,
  )
}

/** Does the work, unless it is being done already, here or in another process: two declarations of the lock always differ. */
async function withLock<R>(connection: ChannelModel, name: string, work: () => Promise<R>): Promise<R> {
  const channel = await openChannel(connection)
  const lock = { exclusive: true, durable: false, arguments: { 'x-max-length': randomInt(1, 2 ** 31) } }
  await channel.assertQueue(name, lock).catch((cause: unknown) => {
    throw new AppError('conflict', 'The queue is being redeclared already.', { cause })
  })
  try {
    return await work()
  } finally {
    await channel.deleteQueue(name).catch(() => {})
    await closeChannel(channel)
  }
}
