import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Cache } from './port.ts'

/** Exports the statistics of a cache; they are read at each scrape. */
export function exportCacheMetrics(registry: Registry, cache: Cache): void {
  const registers = [registry]
  new Counter({
    name: 'cache_reads_total',
    help: 'Reads by result: hit, miss, wait (for the load of another reader), busy (during a write), bypass.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().reads)) this.inc({ result }, count)
    },
  })
  new Counter({
    name: 'cache_writes_total',
    help: 'Writes by result: ok, contended (another write overlapped, and the key was left empty), failed.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().writes)) this.inc({ result }, count)
    },
  })
  new Counter({
    name: 'cache_settlements_total',
    help: 'Inquiries whether writes with expired markers have ended, by result: settled, failed (a commit hangs).',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().settlements ?? {}))
        this.inc({ result }, count)
    },
  })
  new Gauge({
    name: 'cache_mode',
    help: 'Of a cache on a server, 1 for its mode: none (this process cannot use it), draining, warming, on.',
    labelNames: ['mode'],
    registers,
    collect() {
      this.reset()
      const { control } = cache.stats()
      if (control !== undefined) this.set({ mode: control.mode }, 1)
    },
  })
  new Gauge({
    name: 'cache_epoch',
    help: 'Of a cache on a server, how often which server it is, or its mode, has changed.',
    registers,
    collect() {
      this.set(cache.stats().control?.epoch ?? 0)
    },
  })
  new Gauge({
    name: 'cache_entries',
    help: 'Entries cached in this process.',
    registers,
    collect() {
      this.set(cache.stats().entries ?? 0)
    },
  })
  new Gauge({
    name: 'cache_bytes',
    help: 'Memory of the cached entries, an estimate that is never too low.',
    registers,
    collect() {
      this.set(cache.stats().bytes ?? 0)
    },
  })
}
