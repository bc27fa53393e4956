import { exponentialBackoffMs } from '../clock/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLog, FailureLogger } from '../telemetry/index.ts'
import { loggedHandler } from './logged-handler.ts'
import type { BatchHandler, BatchOptions, Consumer, Delivery, WorkQueue } from './port.ts'

export const defaults: Required<BatchOptions> = {
  concurrency: 32,
  prefetch: 256,
  batchMax: 1,
  attemptsMax: 5,
  backoffMs: exponentialBackoffMs,
  leaseMs: 10_000,
}

/** `log` is for failures to get messages from the broker, or to report their outcomes to it. */
type StartConsumer = (
  queue: string,
  handler: BatchHandler,
  options: Required<BatchOptions>,
  log: FailureLog,
) => Consumer

/** The consuming half of a work queue, over what starts one consumer; `stop` stops all that run. */
export function createConsumers(
  start: StartConsumer,
  logger?: FailureLogger,
): Pick<WorkQueue, 'consume' | 'consumeBatches'> & { stop(): Promise<void> } {
  const running = new Set<Consumer>()

  const consumeBatches: WorkQueue['consumeBatches'] = (queue, handler, options) => {
    const all = { ...defaults, ...options }
    const log = createFailureLog(logger, textsOf(queue))
    const consumer = start(queue, loggedHandler(handler, { queue, logger, ...all }), all, log)
    running.add(consumer)
    return {
      async stop() {
        await consumer.stop()
        running.delete(consumer)
      },
    }
  }

  return {
    consumeBatches,
    consume: (queue, handler, options) =>
      consumeBatches(queue, inBatchesOfOne(handler), { ...options, batchMax: 1 }),
    async stop() {
      await Promise.all(Array.from(running, (consumer) => consumer.stop()))
    },
  }
}

export function inBatchesOfOne(handler: (delivery: Delivery) => Promise<void>): BatchHandler {
  return async (deliveries) => {
    for (const delivery of deliveries) await handler(delivery)
    return noFailures
  }
}

const noFailures: ReadonlyMap<Delivery, unknown> = new Map()

function textsOf(queue: string) {
  return {
    details: { queue },
    failing: 'no messages can be taken from the queue: check that it responds, for example by quintet doctor',
    recovered: 'messages are taken from the queue again',
  }
}
