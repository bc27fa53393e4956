import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import { deadQueueOf } from './port.ts'
import type { WorkQueue } from './port.ts'

/** Exports the number of messages of a queue and of its dead letters, read at each scrape. */
export function exportQueueMetrics(registry: Registry, queue: Pick<WorkQueue, 'depth'>, name: string): void {
  new Gauge({
    name: 'queue_depth',
    help: 'Messages in the queue, including those being handled; dead letters are in a queue of their own.',
    labelNames: ['queue'],
    registers: [registry],
    async collect() {
      for (const one of [name, deadQueueOf(name)]) this.set({ queue: one }, await depthOf(queue, one))
    },
  })
}

/** If the broker is unavailable, the other metrics of the service are still exported. */
async function depthOf(queue: Pick<WorkQueue, 'depth'>, name: string): Promise<number> {
  return queue.depth(name).catch(() => Number.NaN)
}
