import type { Clock } from '@quintet/chassis/clock'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { openOnceQueue, openQueue, storesPublicationKeys } from '@quintet/chassis/queue'
import type { OncePublisher, Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import type { Metrics } from '@quintet/chassis/telemetry'
import { billingQueue } from '@quintet/contracts'

const retryAfterMs = 500

export type OrderQueue = Pick<Queue<UnkeyedMessage>, 'publish' | 'ping' | 'close'> &
  OncePublisher<UnkeyedMessage>

/**
 * The queue of orders. RabbitMQ stores no keys of publications: there a retry publishes the message again under the same id, and
 * billing stores the order once (docs/decisions/0010).
 */
export async function openOrderQueue(url: string, clock: Clock, metrics: Metrics): Promise<OrderQueue> {
  const measured = { metrics, publishesTo: [billingQueue] }
  if (storesPublicationKeys(url)) return openOnceQueue(url, { clock, measured })
  const queue = await openQueue(url, { clock, measured })
  return {
    publish: queue.publish,
    ping: queue.ping,
    async publishOnce(name, message, _once, options) {
      await queue.publish(name, message, options)
      return 'published'
    },
    messageUnder: async () => undefined,
    close: queue.close,
  }
}

/**
 * A queue for publishing that need not be available: opening is retried at most twice a second, so that the gateway can start
 * and run without it.
 */
export function openLazyQueue({
  open,
  clock,
}: {
  open: () => Promise<OrderQueue>
  clock: Clock
}): OrderQueue {
  let failedAtMs = Number.NEGATIVE_INFINITY
  let closed = false
  let opening: Promise<OrderQueue> | undefined
  void opened().catch(() => {})

  function opened(): Promise<OrderQueue> {
    if (opening !== undefined) return opening
    if (closed || clock.now() - failedAtMs < retryAfterMs) return Promise.reject(unavailable())
    opening = open().catch((err: unknown) => {
      opening = undefined
      failedAtMs = clock.now()
      throw unavailable(err)
    })
    return opening
  }

  return {
    async publish(...message) {
      const queue = await opened().catch(notPosted)
      return queue.publish(...message).catch(notPosted)
    },
    async publishOnce(...message) {
      const queue = await opened().catch(notPosted)
      return queue.publishOnce(...message).catch(notPosted)
    },
    async messageUnder(...key) {
      const queue = await opened()
      return queue.messageUnder(...key).catch(withoutDetails)
    },
    async ping() {
      const queue = await opened()
      await queue.ping()
    },
    async close() {
      closed = true
      const queue = await opening?.catch(() => undefined)
      await queue?.close()
    },
  }
}

/** Error messages to clients do not reveal the engine of the queue. */
function withoutDetails(error: unknown): never {
  throw isDown(error) ? unavailable(error.cause ?? error) : error
}

function notPosted(error: unknown): never {
  throw isDown(error)
    ? dependencyDown('The queue is not available; nothing was posted.', error.cause ?? error)
    : error
}

function isDown(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'dependency_down'
}

function unavailable(cause?: unknown): Error {
  return dependencyDown('The queue is not available.', cause)
}
