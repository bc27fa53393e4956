import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import type { Clock } from '../../clock/index.ts'
import type { AmqpConnection } from './connection.ts'
import { deliveryOf } from './message.ts'
import type { AmqpPublisher } from './publisher.ts'
import { openChannel } from './topology.ts'
import type { AmqpTopology } from './topology.ts'
import { exponentialBackoffMs } from '../../clock/index.ts'
import { deadQueueOf } from '../port.ts'
import { failuresOf, isPoison, reasonOf } from '../dispatcher.ts'
import type { BatchHandler, BatchOptions, Consumer, Delivery } from '../port.ts'

const subscribeAgainMs = 500

/** What one channel has handed out. Tags count up from 1; all up to `acknowledged` are done with. */
type Subscription = {
  readonly channel: Channel
  readonly tag: string
  readonly waiting: ConsumeMessage[]
  /** Nothing for what was given back, which must not be acknowledged. */
  readonly done: Map<number, ConsumeMessage | undefined>
  acknowledged: number
  open: boolean
}

/**
 * Takes messages ahead, hands them out in batches, and acknowledges them once they are handled, many with one word. A failed
 * one is published again, to wait or to the dead letters, before it is acknowledged: it may come twice so, and cannot be
 * lost. When the connection is lost the broker hands out again what was not acknowledged.
 */
export function createAmqpConsumer({
  link,
  topology,
  publisher,
  clock,
  queue,
  handler,
  options,
}: {
  link: AmqpConnection
  topology: AmqpTopology
  publisher: AmqpPublisher
  clock: Clock
  queue: string
  handler: BatchHandler
  options: BatchOptions
}): Consumer {
  const { concurrency = 32, prefetch = 256, batchMax = 1, attemptsMax = 5 } = options
  const { backoffMs = exponentialBackoffMs } = options
  const underway = new Set<Promise<void>>()
  let subscription: Subscription | undefined
  let subscribing: Promise<void> = Promise.resolve()
  let handling = 0
  let scheduled = false
  let stopping = false
  let stopped: Promise<void> | undefined
  link.onConnection(subscribe)

  function subscribe(connection: ChannelModel): void {
    if (stopping) return
    subscribing = subscribeOn(connection).catch(() => {
      topology.forget(connection, queue)
      subscribeLater(connection)
    })
  }

  /** The connection stands, but the queue was deleted, say, or the broker is just taking its leave. */
  function subscribeLater(connection: ChannelModel): void {
    setTimeout(() => {
      link.connection().then(
        (current) => current === connection && subscription === undefined && subscribe(connection),
        () => {},
      )
    }, subscribeAgainMs).unref()
  }

  async function subscribeOn(connection: ChannelModel): Promise<void> {
    await topology.ensure(connection, queue)
    const channel = await openChannel(connection)
    const waiting: ConsumeMessage[] = []
    channel.on('close', () => {
      if (subscription?.channel !== channel) return
      subscription.open = false
      subscription = undefined
      topology.forget(connection, queue)
      subscribeLater(connection)
    })
    await channel.prefetch(prefetch)
    const { consumerTag } = await channel.consume(queue, (message) => {
      // Without a message, the broker says that it has cancelled the subscription.
      if (message === null) void channel.close().catch(() => {})
      else waiting.push(message)
      scheduleTurn()
    })
    subscription = { channel, tag: consumerTag, waiting, done: new Map(), acknowledged: 0, open: true }
    scheduleTurn()
  }

  /** What arrives together is handed out together. */
  function scheduleTurn(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      begin()
    })
  }

  function begin(): void {
    while (
      subscription !== undefined &&
      subscription.waiting.length > 0 &&
      handling < concurrency &&
      !stopping
    )
      track(handle(subscription, subscription.waiting.splice(0, batchMax)))
  }

  async function handle(source: Subscription, messages: readonly ConsumeMessage[]): Promise<void> {
    handling += 1
    const deliveries = messages.map(deliveryOf)
    const failures = await failuresOf(handler, deliveries)
    handling -= 1
    begin()
    await Promise.all(
      deliveries.map(async (delivery, i) => {
        const message = messages[i]
        if (message === undefined) return
        if (!failures.has(delivery)) finish(source, message)
        else await putAside(source, message, delivery, failures.get(delivery))
      }),
    )
    acknowledge(source)
  }

  async function putAside(
    source: Subscription,
    message: ConsumeMessage,
    delivery: Delivery,
    error: unknown,
  ): Promise<void> {
    const { attempt } = delivery
    try {
      if (isPoison(error) || attempt >= attemptsMax)
        await publisher.publishAside(deadQueueOf(queue), delivery, {
          attempt,
          reason: reasonOf(error),
          failedAt: clock.now(),
        })
      else await publisher.publishLater(queue, delivery, { attempt: attempt + 1 }, backoffMs(attempt))
      finish(source, message)
    } catch {
      giveBack(source, message)
    }
  }

  function finish(source: Subscription, message: ConsumeMessage): void {
    source.done.set(message.fields.deliveryTag, message)
  }

  function giveBack(source: Subscription, message: ConsumeMessage): void {
    if (source.open) source.channel.nack(message, false, true)
    source.done.set(message.fields.deliveryTag, undefined)
  }

  /** Says once for all up to the first that is still being handled. */
  function acknowledge(source: Subscription): void {
    let last: ConsumeMessage | undefined
    while (source.done.has(source.acknowledged + 1)) {
      source.acknowledged += 1
      last = source.done.get(source.acknowledged) ?? last
      source.done.delete(source.acknowledged)
    }
    if (last !== undefined && source.open) source.channel.ack(last, true)
  }

  async function stop(): Promise<void> {
    stopping = true
    await subscribing
    const source = subscription
    if (source?.open) await source.channel.cancel(source.tag).catch(() => {})
    for (const message of source?.waiting.splice(0) ?? []) if (source) giveBack(source, message)
    while (underway.size > 0) await Promise.all(underway)
    if (source) acknowledge(source)
    subscription = undefined
    await source?.channel.close().catch(() => {})
  }

  function track(work: Promise<void>): void {
    underway.add(work)
    void work.finally(() => underway.delete(work))
  }

  return {
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}
