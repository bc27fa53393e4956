import type { Clock } from '@quintet/chassis/clock'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import type { Queue } from '@quintet/chassis/queue'
import type { Logger } from '@quintet/chassis/telemetry'

const retryAfterMs = 1_000

/**
 * A queue for publishing that need not be there: it is opened now, and again once a second at most for as long as that
 * fails, so that whoever has other things to do can start and go on without it.
 */
export function openLazily({
  open,
  clock,
  logger,
}: {
  open: () => Promise<Queue>
  clock: Clock
  logger: Logger
}): Pick<Queue, 'publish' | 'close'> {
  let failedAtMs = Number.NEGATIVE_INFINITY
  let closed = false
  let opening: Promise<Queue> | undefined
  void opened().catch(() => {})

  function opened(): Promise<Queue> {
    if (opening !== undefined) return opening
    if (closed || clock.now() - failedAtMs < retryAfterMs) return Promise.reject(away())
    opening = open().catch((err: unknown) => {
      opening = undefined
      failedAtMs = clock.now()
      logger.warn({ err }, 'the queue cannot be opened; it will be tried again')
      throw away()
    })
    return opening
  }

  return {
    async publish(...message) {
      const queue = await opened()
      return queue.publish(...message).catch(told)
    },
    async close() {
      closed = true
      const queue = await opening?.catch(() => undefined)
      await queue?.close()
    },
  }
}

/** What a queue stands on is nothing to its clients. */
function told(error: unknown): never {
  throw error instanceof AppError && error.code === 'dependency_down' ? away(error.cause ?? error) : error
}

function away(cause?: unknown): Error {
  return dependencyDown('The queue is not available; nothing was posted.', cause)
}
