import { inspect } from 'node:util'
import type { BatchHandler, Consumer, Delivery } from './port.ts'

/** What the consumers of every broker do alike with a handler and what it throws. */

const reasonLengthMax = 500
const noFailures: ReadonlyMap<Delivery, unknown> = new Map()

/** A handler of single messages as one of batches, which must be of one message each. */
export function handleEach(handler: (delivery: Delivery) => Promise<void>): BatchHandler {
  return async (deliveries) => {
    for (const delivery of deliveries) await handler(delivery)
    return noFailures
  }
}

/** What failed and why; all of them where the handler rejects. */
export async function failuresOf(
  handler: BatchHandler,
  deliveries: readonly Delivery[],
): Promise<ReadonlyMap<Delivery, unknown>> {
  try {
    return await handler(deliveries)
  } catch (error) {
    return new Map(deliveries.map((delivery) => [delivery, error]))
  }
}

export function isPoison(error: unknown): boolean {
  return error instanceof Error && 'poison' in error && error.poison === true
}

/** Why a message failed, in a bounded text; anything may have been thrown. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : inspect(error)).slice(0, reasonLengthMax)
}

/** The consumers of a queue that run, to be stopped one by one or with it. */
export function createConsumers(): { add(consumer: Consumer): Consumer; stop(): Promise<void> } {
  const running = new Set<Consumer>()
  return {
    add(consumer) {
      running.add(consumer)
      return {
        async stop() {
          await consumer.stop()
          running.delete(consumer)
        },
      }
    },
    async stop() {
      await Promise.all(Array.from(running, (consumer) => consumer.stop()))
    },
  }
}
