import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import { deadQueueOf } from './port.ts'
import type { WorkQueue } from './port.ts'

/** Shows how many messages a queue and its dead letters hold, read from it whenever Prometheus asks. */
export function exportQueueMetrics(registry: Registry, queue: Pick<WorkQueue, 'depth'>, name: string): void {
  new Gauge({
    name: 'queue_depth',
    help: 'Messages held now, those being handled among them; dead letters under their own queue.',
    labelNames: ['queue'],
    registers: [registry],
    async collect() {
      for (const one of [name, deadQueueOf(name)]) this.set({ queue: one }, await depthOf(queue, one))
    },
  })
}

/** A queue that is away must not take the other metrics with it. */
async function depthOf(queue: Pick<WorkQueue, 'depth'>, name: string): Promise<number> {
  return queue.depth(name).catch(() => Number.NaN)
}
