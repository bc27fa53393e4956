import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import { createShared } from '../concurrency/index.ts'
import { deadQueueOf } from './port.ts'
import type { QueueAdmin, WorkQueue } from './port.ts'

type State = { readonly live: number; readonly dead: number; readonly oldestAgeMs: number | undefined }

/**
 * Exports what a queue and its dead letters hold, read at each scrape. While the broker does not respond that is not known, and absent;
 * the other metrics of the service are still exported.
 */
export function exportQueueMetrics(
  registry: Registry,
  queue: Pick<WorkQueue, 'depth'> & Pick<QueueAdmin, 'oldestAgeMs'>,
  name: string,
): void {
  const registers = [registry]
  const labels = { queue: name }
  /** All gauges of a scrape share one read. */
  const read = createShared(() => stateOf(queue, name).catch(() => undefined))

  new Gauge({
    name: 'quintet_queue_messages',
    help: 'Messages of the queue: live, including those being handled, and dead letters. Absent while it does not respond.',
    labelNames: ['queue', 'state'],
    registers,
    async collect() {
      const state = await read()
      this.reset()
      if (state === undefined) return
      this.set({ ...labels, state: 'live' }, state.live)
      this.set({ ...labels, state: 'dead' }, state.dead)
    },
  })
  new Gauge({
    name: 'quintet_queue_up',
    help: '1 while the queue responds, 0 while it does not.',
    labelNames: ['queue'],
    registers,
    async collect() {
      this.set(labels, (await read()) === undefined ? 0 : 1)
    },
  })
  new Gauge({
    name: 'quintet_queue_oldest_message_age_seconds',
    help: 'Age of the oldest live message of the queue; 0 when it is empty. Absent where the broker does not report it.',
    labelNames: ['queue'],
    registers,
    async collect() {
      const oldestAgeMs = (await read())?.oldestAgeMs
      this.reset()
      if (oldestAgeMs !== undefined) this.set(labels, oldestAgeMs / 1_000)
    },
  })
}

async function stateOf(queue: Parameters<typeof exportQueueMetrics>[1], name: string): Promise<State> {
  const [live, dead, oldestAgeMs] = await Promise.all([
    queue.depth(name),
    queue.depth(deadQueueOf(name)),
    queue.oldestAgeMs?.(name),
  ])
  return { live, dead, oldestAgeMs }
}
