import type { Clock } from '@quintet/chassis/clock'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import type { OncePublisher, Queue } from '@quintet/chassis/queue'
import type { Logger } from '@quintet/chassis/telemetry'

const retryAfterMs = 1_000

export type OrderQueue = Pick<Queue & OncePublisher, 'publish' | 'publishOnce' | 'close'>

/**
 * A queue for publishing that need not be available: opening is retried at most once a second, so that the gateway can start
 * and run without it.
 */
export function openLazyQueue({
  open,
  clock,
  logger,
}: {
  open: () => Promise<Queue & OncePublisher>
  clock: Clock
  logger: Logger
}): OrderQueue {
  let failedAtMs = Number.NEGATIVE_INFINITY
  let closed = false
  let opening: Promise<Queue & OncePublisher> | undefined
  void opened().catch(() => {})

  function opened(): Promise<Queue & OncePublisher> {
    if (opening !== undefined) return opening
    if (closed || clock.now() - failedAtMs < retryAfterMs) return Promise.reject(unavailable())
    opening = open().catch((err: unknown) => {
      opening = undefined
      failedAtMs = clock.now()
      logger.warn({ err }, 'the queue cannot be opened; it will be retried')
      throw unavailable()
    })
    return opening
  }

  return {
    async publish(...message) {
      const queue = await opened()
      return queue.publish(...message).catch(withoutDetails)
    },
    async publishOnce(...message) {
      const queue = await opened()
      return queue.publishOnce(...message).catch(withoutDetails)
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
  throw error instanceof AppError && error.code === 'dependency_down'
    ? unavailable(error.cause ?? error)
    : error
}

function unavailable(cause?: unknown): Error {
  return dependencyDown('The queue is not available; nothing was posted.', cause)
}
