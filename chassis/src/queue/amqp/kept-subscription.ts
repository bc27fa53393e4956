import type { ChannelModel } from 'amqplib'
import type { FailureLog } from '../../telemetry/index.ts'
import type { AmqpConnection } from './connection.ts'
import { subscribe } from './subscription.ts'
import type { Subscription } from './subscription.ts'

const resubscribeMs = 500

/** A subscription that is made again on each connection, and after the broker has ended it. */
type KeptSubscription = {
  current(): Subscription | undefined
  /** Subscribes no more, and releases the messages that were not taken; the others can still be settled. */
  cancel(): Promise<void>
  /** Subscribes no more, and returns all messages that are not settled, in their order. */
  close(): Promise<void>
}

/** `prepare` declares the queue; `onFailure` is called when subscribing failed or was ended, before it is tried again. */
export function keepSubscribed({
  connection,
  queue,
  prefetch,
  held = false,
  prepare,
  onMessages,
  onFailure,
  log,
}: {
  connection: AmqpConnection
  queue: string
  prefetch: number
  held?: boolean
  prepare: (model: ChannelModel) => Promise<void>
  onMessages: () => void
  onFailure: (model: ChannelModel) => void
  log: FailureLog
}): KeptSubscription {
  let subscription: Subscription | undefined
  let subscribing: Promise<void> = Promise.resolve()
  let isCancelled = false
  connection.onConnection(subscribeOn)

  function subscribeOn(model: ChannelModel): void {
    if (isCancelled) return
    subscribing = trySubscribe(model).catch((error: unknown) => {
      if (isCancelled) return
      log.failed(error)
      subscribeLater(model)
    })
  }

  async function trySubscribe(model: ChannelModel): Promise<void> {
    await prepare(model)
    let isEnded = false
    const made = await subscribe(model, queue, {
      prefetch,
      held,
      onMessages,
      onClose(closed) {
        isEnded = true
        if (subscription !== closed) return
        subscription = undefined
        subscribeLater(model)
      },
    })
    // The queue may be deleted before the broker has responded.
    if (isEnded) throw new Error(`The subscription to ${queue} was ended.`)
    subscription = made
    log.succeeded()
    onMessages()
  }

  /** While the connection is up: the queue was deleted, for instance, or the broker is shutting down. */
  function subscribeLater(model: ChannelModel): void {
    onFailure(model)
    setTimeout(() => {
      connection.current().then(
        (current) => current === model && subscription === undefined && subscribeOn(model),
        () => {},
      )
    }, resubscribeMs).unref()
  }

  return {
    current: () => subscription,
    async cancel() {
      isCancelled = true
      await subscribing
      const last = subscription
      await last?.cancel()
      for (const message of last?.waiting.splice(0) ?? []) last?.release(message)
    },
    async close() {
      isCancelled = true
      await subscribing
      const last = subscription
      subscription = undefined
      await last?.close()
    },
  }
}
