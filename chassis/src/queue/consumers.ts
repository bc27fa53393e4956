import { exponentialBackoffMs } from '../clock/index.ts'
import type { BatchHandler, BatchOptions, Consumer, Delivery, WorkQueue } from './port.ts'

const defaults: Required<BatchOptions> = {
  concurrency: 32,
  prefetch: 256,
  batchMax: 1,
  attemptsMax: 5,
  backoffMs: exponentialBackoffMs,
  leaseMs: 10_000,
}

type StartConsumer = (queue: string, handler: BatchHandler, options: Required<BatchOptions>) => Consumer

/** The consuming half of a work queue, over what starts one consumer; `stop` stops all that run. */
export function createConsumers(
  start: StartConsumer,
): Pick<WorkQueue, 'consume' | 'consumeBatches'> & { stop(): Promise<void> } {
  const running = new Set<Consumer>()

  const consumeBatches: WorkQueue['consumeBatches'] = (queue, handler, options) => {
    const consumer = start(queue, handler, { ...defaults, ...options })
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

function inBatchesOfOne(handler: (delivery: Delivery) => Promise<void>): BatchHandler {
  return async (deliveries) => {
    for (const delivery of deliveries) await handler(delivery)
    return noFailures
  }
}

const noFailures: ReadonlyMap<Delivery, unknown> = new Map()
