import type { ChannelModel } from 'amqplib'
import type { Clock } from '../../clock/index.ts'
import { AppError } from '../../errors/index.ts'
import type { Message } from '../port.ts'
import { brokerDown, openConfirmChannel } from './confirm-channel.ts'
import type { ConfirmChannel } from './confirm-channel.ts'
import type { AmqpConnection } from './connection.ts'
import { propertiesOf } from './message.ts'
import type { DeliveryState } from './message.ts'
import { quorumQueueOf } from './topology.ts'
import type { AmqpTopology } from './topology.ts'

const inFlightMax = 1_000

export type AmqpPublisher = {
  /**
   * Resolves when the broker has stored the message. Rejects with `overloaded` when too many are in flight, with
   * `dependency_down` when the broker did not take it, with `outcome_unknown` when it did not respond.
   */
  publish(queue: string, message: Message): Promise<void>
  /** The same without that limit, for messages that are in the broker already. */
  publishUnbounded(queue: string, message: Message, state: DeliveryState): Promise<void>
  /** The same, to a queue of the broker, such as that of the dead letters, which was declared. */
  publishTo(name: string, message: Message, state: DeliveryState): Promise<void>
  /** Publishes to a queue in which the message waits before it returns to its own. */
  publishLater(queue: string, message: Message, state: DeliveryState, afterMs: number): Promise<void>
  close(): Promise<void>
}

/** Publishes by one channel in confirm mode for each connection. */
export function createAmqpPublisher({
  connection,
  topology,
  clock,
}: {
  connection: AmqpConnection
  topology: AmqpTopology
  clock: Clock
}): AmqpPublisher {
  const channels = new Map<ChannelModel, Promise<ConfirmChannel>>()
  let inFlight = 0

  function channelOf(model: ChannelModel): Promise<ConfirmChannel> {
    const channel =
      channels.get(model) ??
      openConfirmChannel(model, {
        onReturn: (name) => topology.forget(model, name),
        onClose: () => channels.delete(model),
      })
    channels.set(model, channel)
    channel.catch(() => channels.delete(model))
    return channel
  }

  async function send(
    model: ChannelModel,
    name: string,
    message: Message,
    state: DeliveryState,
  ): Promise<void> {
    const channel = await channelOf(model)
    const timestamp = Math.floor((state.publishedAt ?? clock.now()) / 1_000)
    await channel.send(name, message.body, { ...propertiesOf(message, state), timestamp })
  }

  async function publishUnbounded(queue: string, message: Message, state: DeliveryState): Promise<void> {
    const model = await connection.current()
    await topology.ensure(model, queue).catch((error: unknown) => {
      throw error instanceof AppError ? error : brokerDown(error)
    })
    await send(model, quorumQueueOf(queue), message, state)
  }

  return {
    async publish(queue, message) {
      if (inFlight >= inFlightMax)
        throw new AppError('overloaded', 'Too many messages are in flight to the queue.')
      inFlight += 1
      try {
        await publishUnbounded(queue, message, {})
      } finally {
        inFlight -= 1
      }
    },

    publishUnbounded,

    async publishTo(name, message, state) {
      await send(await connection.current(), name, message, state)
    },

    async publishLater(queue, message, state, afterMs) {
      const model = await connection.current()
      const pauseQueue = await topology.ensurePause(model, quorumQueueOf(queue), afterMs)
      await send(model, pauseQueue, message, state)
    },

    async close() {
      for (const channel of await Promise.allSettled(channels.values()))
        if (channel.status === 'fulfilled') await channel.value.drain()
    },
  }
}
