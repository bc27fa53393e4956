import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { closeChannel, openChannel } from './topology.ts'

/** A subscription of one channel: the messages that the broker sends, and their acknowledgements. */
export type Subscription = {
  /** Messages that were not taken yet. */
  readonly waiting: ConsumeMessage[]
  acknowledge(message: ConsumeMessage): void
  /** Returns a message to the queue. */
  release(message: ConsumeMessage): void
  /** Ends the subscription; its messages can still be acknowledged. */
  cancel(): Promise<void>
  close(): Promise<void>
}

/**
 * Subscribes to a queue. Messages are acknowledged many at a time, which waits for those before them, unless some of them are `held` for long.
 * `onMessages` is called as messages arrive, `onClose` when the channel is closed, whatever closes it.
 */
export async function subscribe(
  connection: ChannelModel,
  queue: string,
  {
    prefetch,
    held,
    onMessages,
    onClose,
  }: { prefetch: number; held: boolean; onMessages: () => void; onClose: (closed: Subscription) => void },
): Promise<Subscription> {
  const channel = await openChannel(connection)
  const waiting: ConsumeMessage[] = []
  const acknowledgements = createAcknowledgements(channel)
  let consumerTag = ''
  const subscription: Subscription = {
    waiting,
    acknowledge: held ? acknowledgements.acknowledgeOne : acknowledgements.acknowledge,
    release: acknowledgements.release,
    async cancel() {
      try {
        await channel.cancel(consumerTag)
      } catch {
        // The channel is closed already.
      }
    },
    async close() {
      acknowledgements.flush()
      await closeChannel(channel)
    },
  }
  channel.on('close', () => {
    acknowledgements.stop()
    onClose(subscription)
  })
  await channel.prefetch(prefetch)
  const reply = await channel.consume(queue, (message) => {
    // The broker sends no message when it cancels the subscription.
    if (message === null) void closeChannel(channel)
    else waiting.push(message)
    onMessages()
  })
  consumerTag = reply.consumerTag
  return subscription
}

/** Acknowledges all messages up to the first unsettled one by one frame. Delivery tags count from 1. */
function createAcknowledgements(channel: Channel) {
  /** Settled messages by tag; undefined for a released one, which must not be acknowledged. */
  const settled = new Map<number, ConsumeMessage | undefined>()
  let lastTag = 0
  let isOpen = true
  let isScheduled = false

  function flush(): void {
    isScheduled = false
    let last: ConsumeMessage | undefined
    while (settled.has(lastTag + 1)) {
      lastTag += 1
      last = settled.get(lastTag) ?? last
      settled.delete(lastTag)
    }
    if (last !== undefined && isOpen) channel.ack(last, true)
  }

  /** Messages of one batch are settled in one turn, and acknowledged together. */
  function settle(tag: number, message?: ConsumeMessage): void {
    settled.set(tag, message)
    if (isScheduled) return
    isScheduled = true
    queueMicrotask(flush)
  }

  return {
    flush,
    acknowledge(message: ConsumeMessage): void {
      settle(message.fields.deliveryTag, message)
    },
    acknowledgeOne(message: ConsumeMessage): void {
      if (isOpen) channel.ack(message)
    },
    release(message: ConsumeMessage): void {
      if (isOpen) channel.nack(message, false, true)
      settle(message.fields.deliveryTag)
    },
    stop(): void {
      isOpen = false
    },
  }
}
