import type { ChannelModel, ConfirmChannel } from 'amqplib'
import type { Clock } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import type { AmqpConnection } from './connection.ts'
import { propertiesOf } from './message.ts'
import type { DeliveryState } from './message.ts'
import type { AmqpTopology } from './topology.ts'
import type { Message } from '../port.ts'

const inFlightMax = 1_000
const confirmWithinMs = 5_000
const lookIntervalMs = 500

export type AmqpPublisher = {
  /**
   * Resolves when the broker has the message in this queue, durable. Rejects with `overloaded` when too many are on their
   * way, with `dependency_down` when the broker did not take it, with `outcome_unknown` when it did not say.
   */
  publish(queue: string, message: Message, fate?: DeliveryState): Promise<void>
  /** The same without that bound, for a queue that is declared with its live one. */
  publishAside(deadQueue: string, message: Message, fate: DeliveryState): Promise<void>
  /** Lets a message wait, then come back to its queue. */
  publishLater(queue: string, message: Message, fate: DeliveryState, ms: number): Promise<void>
  close(): Promise<void>
}

/** A message on its way; `told` settles with it. */
type Confirming = {
  readonly startedAt: number
  readonly told: Promise<void>
  returned: boolean
  settle(error?: Error): void
}

/** A channel in confirm mode, and what was sent on it, by the number that a message which comes back is known by. */
type Lane = { readonly channel: ConfirmChannel; readonly confirming: Map<string, Confirming> }

/**
 * Publishes to the default exchange, by the name of the queue. A message is safe when the broker has confirmed it *and* has not
 * returned it: one that found no queue is confirmed too, right after it came back.
 */
export function createAmqpPublisher({
  link,
  topology,
  clock,
}: {
  link: AmqpConnection
  topology: AmqpTopology
  clock: Clock
}): AmqpPublisher {
  const opened = new WeakMap<ChannelModel, Promise<Lane>>()
  const lanes = new Set<Lane>()
  let sequence = 0
  let underway = 0
  const timer = setInterval(giveUpOld, lookIntervalMs).unref()

  async function publish(queue: string, message: Message, fate: DeliveryState = {}): Promise<void> {
    const connection = await link.connection()
    await topology.ensure(connection, queue)
    await send(await laneOf(connection), queue, message, fate)
  }

  async function publishLater(
    queue: string,
    message: Message,
    fate: DeliveryState,
    ms: number,
  ): Promise<void> {
    const connection = await link.connection()
    const pause = await topology.ensurePause(connection, queue, ms)
    await send(await laneOf(connection), pause, message, fate)
  }

  function send(
    { channel, confirming }: Lane,
    queue: string,
    message: Message,
    fate: DeliveryState,
  ): Promise<void> {
    const number = String(++sequence)
    const waiting = createConfirming(() => confirming.delete(number))
    confirming.set(number, waiting)
    const options = {
      ...propertiesOf(message, fate),
      correlationId: number,
      mandatory: true,
      persistent: true,
      timestamp: Math.floor(clock.now() / 1_000),
    }
    try {
      channel.publish('', queue, Buffer.from(message.body), options, (error: unknown) => {
        waiting.settle(error || waiting.returned ? notAccepted(error) : undefined)
      })
    } catch (error) {
      waiting.settle(dependencyDown('The message broker does not answer.', error))
    }
    return waiting.told
  }

  function laneOf(connection: ChannelModel): Promise<Lane> {
    const lane = opened.get(connection) ?? openLane(connection)
    opened.set(connection, lane)
    lane.catch(() => opened.delete(connection))
    return lane
  }

  async function openLane(connection: ChannelModel): Promise<Lane> {
    const channel = await connection.createConfirmChannel().catch((error: unknown) => {
      throw dependencyDown('The message broker does not answer.', error)
    })
    const lane = { channel, confirming: new Map<string, Confirming>() }
    lanes.add(lane)
    channel.on('error', () => {})
    channel.on('return', ({ properties, fields }) => {
      const waiting = lane.confirming.get(String(properties.correlationId))
      if (waiting !== undefined) waiting.returned = true
      topology.forget(connection, String(fields.routingKey))
    })
    channel.on('close', () => {
      opened.delete(connection)
      lanes.delete(lane)
      for (const { settle } of lane.confirming.values())
        settle(unknown('The connection to the message broker was lost.'))
    })
    return lane
  }

  function giveUpOld(): void {
    const since = performance.now() - confirmWithinMs
    for (const { confirming } of lanes)
      for (const { startedAt, settle } of confirming.values()) {
        if (startedAt > since) break
        settle(unknown('The message broker did not confirm the message in time.'))
      }
  }

  /** Bounds what is on its way, counted from when it is asked for. */
  async function bounded(work: () => Promise<void>): Promise<void> {
    if (underway >= inFlightMax)
      throw new AppError('overloaded', 'Too many messages are on their way to the queue.')
    underway += 1
    try {
      await work()
    } finally {
      underway -= 1
    }
  }

  return {
    publish: (queue, message, fate) => bounded(() => publish(queue, message, fate)),
    publishAside: async (deadQueue, message, fate) =>
      send(await laneOf(await link.connection()), deadQueue, message, fate),
    publishLater,
    async close() {
      const told = [...lanes].flatMap(({ confirming }) => [...confirming.values()].map((one) => one.told))
      await Promise.allSettled(told)
      clearInterval(timer)
    },
  }
}

function createConfirming(forget: () => boolean): Confirming {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return {
    startedAt: performance.now(),
    told: promise,
    returned: false,
    settle(error) {
      if (!forget()) return
      if (error === undefined) resolve()
      else reject(error)
    },
  }
}

function notAccepted(cause?: unknown): AppError {
  return dependencyDown('The message broker did not take the message; nothing was posted.', cause)
}

function unknown(detail: string): AppError {
  return new AppError('outcome_unknown', detail)
}
