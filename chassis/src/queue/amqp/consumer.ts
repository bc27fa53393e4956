import type { ChannelModel, ConsumeMessage } from 'amqplib'
import type { Clock } from '../../clock/index.ts'
import type { FailureLog } from '../../telemetry/index.ts'
import { createDispatcher } from '../dispatcher.ts'
import type { FailureDetails, MessageSource } from '../dispatcher.ts'
import { deadQueueOf } from '../port.ts'
import type { BatchHandler, BatchOptions, Consumer, Delivery } from '../port.ts'
import type { AmqpConnection } from './connection.ts'
import { startFeed } from './feed.ts'
import { keepSubscribed } from './kept-subscription.ts'
import { deliveryOf } from './message.ts'
import type { AmqpPublisher } from './publisher.ts'
import type { Subscription } from './subscription.ts'
import { quorumQueueOf } from './topology.ts'
import type { AmqpTopology } from './topology.ts'

type ReceivedMessage = {
  readonly delivery: Delivery
  readonly message: ConsumeMessage
  readonly from: Subscription
}

export type AmqpConsumerParts = {
  readonly connection: AmqpConnection
  readonly topology: AmqpTopology
  readonly publisher: AmqpPublisher
  readonly clock: Clock
  readonly queue: string
  readonly handler: BatchHandler
  readonly options: Required<BatchOptions>
  readonly log: FailureLog
}

/**
 * Fetches messages ahead of the handlers, and acknowledges them once they are handled. A failed message is published again,
 * to a queue in which it waits or to the dead letters, before it is acknowledged, so that it may be delivered twice and cannot
 * be lost. When the connection is lost the broker delivers again what was not acknowledged.
 */
export function createAmqpConsumer({
  connection,
  topology,
  publisher,
  clock,
  queue,
  handler,
  options,
  log,
}: AmqpConsumerParts): Consumer {
  let isDispatchScheduled = false
  let stopping: Promise<void> | undefined
  const source = { take, ...outcomesOf(queue, publisher) }
  const dispatcher = createDispatcher({ source, handler, options, clock })
  const kept = {
    connection,
    log,
    async prepare(model: ChannelModel) {
      await topology.ensure(model, queue)
    },
    onFailure: (model: ChannelModel) => topology.forget(model, queue),
  }
  const subscription = keepSubscribed({
    ...kept,
    queue: quorumQueueOf(queue),
    prefetch: options.prefetch,
    onMessages: scheduleDispatch,
  })
  const feed = startFeed({ ...kept, queue, publisher })

  /** After all messages that arrive in this turn of the event loop, so that they share batches. */
  function scheduleDispatch(): void {
    if (isDispatchScheduled) return
    isDispatchScheduled = true
    setImmediate(() => {
      isDispatchScheduled = false
      dispatcher.dispatch()
    })
  }

  function take(max: number): ReceivedMessage[] {
    const from = subscription.current()
    if (from === undefined) return []
    return from.waiting.splice(0, max).map((message) => ({ delivery: deliveryOf(message), message, from }))
  }

  async function stop(): Promise<void> {
    const handled = dispatcher.stop()
    await Promise.all([feed.stop(), subscription.cancel()])
    await handled
    await subscription.close()
  }

  return {
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
}

function outcomesOf(queue: string, publisher: AmqpPublisher): Omit<MessageSource<ReceivedMessage>, 'take'> {
  /** Acknowledged once it is published elsewhere; if that fails the broker delivers it again. */
  async function settle({ message, from }: ReceivedMessage, publication: Promise<void>): Promise<void> {
    try {
      await publication
      from.acknowledge(message)
    } catch {
      from.release(message)
    }
  }

  return {
    acknowledge({ message, from }: ReceivedMessage): void {
      from.acknowledge(message)
    },
    release({ message, from }: ReceivedMessage): void {
      from.release(message)
    },
    retry(received: ReceivedMessage, afterMs: number): Promise<void> {
      const attempt = received.delivery.attempt + 1
      return settle(received, publisher.publishLater(queue, received.delivery, { attempt }, afterMs))
    },
    deadLetter(received: ReceivedMessage, { attempts, reason, failedAt }: FailureDetails): Promise<void> {
      const state = { attempt: attempts, reason, failedAt }
      return settle(received, publisher.publishTo(deadQueueOf(queue), received.delivery, state))
    },
  }
}
