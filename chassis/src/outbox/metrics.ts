import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { OutboxRelay } from './port.ts'

type Backlog = Awaited<ReturnType<OutboxRelay['backlog']>>

/** Exports how many rows wait in an outbox and for how long, read at each scrape. */
export function exportOutboxMetrics(registry: Registry, relay: Pick<OutboxRelay, 'backlog'>): void {
  let reading: Promise<Backlog | undefined> | undefined

  /** Both gauges of a scrape share one read. If it fails they are absent. */
  function read(): Promise<Backlog | undefined> {
    reading ??= relay
      .backlog()
      .catch(() => undefined)
      .finally(() => {
        reading = undefined
      })
    return reading
  }

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
