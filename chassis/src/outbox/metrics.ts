import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { OutboxRelay } from './port.ts'

/** Exports how many rows wait in an outbox and for how long, read at each scrape. */
export function exportOutboxMetrics(registry: Registry, relay: Pick<OutboxRelay, 'backlog'>): void {
  let reading: ReturnType<OutboxRelay['backlog']> | undefined

  /** Both gauges of a scrape share one read. If it fails the other metrics of the service are still exported. */
  function read(): ReturnType<OutboxRelay['backlog']> {
    reading ??= relay
      .backlog()
      .catch(() => ({ rows: Number.NaN, oldestAgeMs: Number.NaN }))
      .finally(() => {
        reading = undefined
      })
    return reading
  }

  new Gauge({
    name: 'outbox_backlog',
    help: 'Rows of the outbox that are not published yet, at most.',
    registers: [registry],
    async collect() {
      this.set((await read()).rows)
    },
  })
  new Gauge({
    name: 'outbox_oldest_age_seconds',
    help: 'Age of the oldest row of the outbox; 0 when it is empty.',
    registers: [registry],
    async collect() {
      this.set((await read()).oldestAgeMs / 1_000)
    },
  })
}
