import { setTimeout as pause } from 'node:timers/promises'
import type { Channel, ConsumeMessage, GetMessage, Message } from 'amqplib'
import { keepSubscribed } from './kept-subscription.ts'
import { deliveryOf, publishedAtOf } from './message.ts'
import type { AmqpPublisher } from './publisher.ts'
import type { Subscription } from './subscription.ts'

const prefetch = 256
const retryAfterMs = 500
const batchMax = 100

/**
 * Moves what other programs publish to the queue of the plain name to the one that holds the messages, as long as it runs. A
 * message is acknowledged once it is stored there, so that it may be moved twice and cannot be lost.
 */
export function startFeed({
  publisher,
  queue,
  ...kept
}: Pick<Parameters<typeof keepSubscribed>[0], 'connection' | 'prepare' | 'onFailure' | 'log'> & {
  publisher: AmqpPublisher
  queue: string
}): { stop(): Promise<void> } {
  const moving = new Set<Promise<void>>()
  const subscription = keepSubscribed({ ...kept, queue, prefetch, onMessages: moveAll })

  function moveAll(): void {
    const from = subscription.current()
    for (const message of from?.waiting.splice(0) ?? []) {
      const work = move(message, from)
      moving.add(work)
      void work.finally(() => moving.delete(work))
    }
  }

  async function move(message: ConsumeMessage, from: Subscription | undefined): Promise<void> {
    try {
      await publishAgain(publisher, queue, message)
      from?.acknowledge(message)
    } catch (error) {
      kept.log.failed(error)
      await pause(retryAfterMs)
      from?.release(message)
    }
  }

  return {
    async stop() {
      await subscription.cancel()
      await Promise.all(moving)
      await subscription.close()
    },
  }
}

/** The same for what waits there now, for an operator who looks at the queue while nothing consumes it. */
export async function feed(channel: Channel, queue: string, publisher: AmqpPublisher): Promise<void> {
  await moveWaiting(channel, queue, (message) => publishAgain(publisher, queue, message))
}

/** Publishes elsewhere what waits in a queue now, in its order, and acknowledges it; resolves to the number of messages. */
export async function moveWaiting(
  channel: Channel,
  name: string,
  publish: (message: GetMessage) => Promise<void>,
): Promise<number> {
  for (let moved = 0; ; ) {
    const batch = await getUpTo(channel, name, batchMax)
    await Promise.all(batch.map(publish))
    for (const message of batch) channel.ack(message)
    moved += batch.length
    if (batch.length < batchMax) return moved
  }
}

async function getUpTo(channel: Channel, name: string, max: number): Promise<GetMessage[]> {
  const messages: GetMessage[] = []
  while (messages.length < max) {
    const message = await channel.get(name)
    if (message === false) break
    messages.push(message)
  }
  return messages
}

/** As a new message, without attempts and without the headers of the broker. */
function publishAgain(publisher: AmqpPublisher, queue: string, message: Message): Promise<void> {
  return publisher.publishUnbounded(queue, deliveryOf(message), { publishedAt: publishedAtOf(message) })
}
