import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import { createShared } from '../concurrency/index.ts'
import type { OutboxRelay } from './port.ts'

/** Exports how many rows wait in an outbox and for how long, read at each scrape. */
export function exportOutboxMetrics(registry: Registry, relay: Pick<OutboxRelay, 'backlog'>): void {
  /** Both gauges of a scrape share one read. If it fails they are absent. */
  const read = createShared(() => relay.backlog().catch(() => undefined))

  new Gauge({
    name: 'quintet_outbox_messages',
    help: 'Rows of the outbox that are not published yet, at most; each has one message or several.',
    registers: [registry],
    async collect() {
      const backlog = await read()
      if (backlog === undefined) this.remove()
      else this.set(backlog.rows)
    },
  })
  new Gauge({
    name: 'quintet_outbox_oldest_age_seconds',
    help: 'Age of the oldest row of the outbox; 0 when it is empty.',
    registers: [registry],
    async collect() {
      const backlog = await read()
      if (backlog === undefined) this.remove()
      else this.set(backlog.oldestAgeMs / 1_000)
    },
  })
}
