import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Cache } from './port.ts'

/** Exports the statistics of a cache; they are read at each scrape. */
export function exportCacheMetrics(registry: Registry, cache: Cache): void {
  const registers = [registry]
  new Counter({
    name: 'quintet_cache_reads_total',
    help: 'Reads by result: hit, miss, wait (for the load of another reader), busy (during a write), bypass.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().reads)) this.inc({ result }, count)
    },
  })
  new Counter({
    name: 'quintet_cache_writes_total',
    help: 'Writes by result: ok, contended (another write overlapped, and the key was left empty), failed.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().writes)) this.inc({ result }, count)
    },
  })
  new Counter({
    name: 'quintet_cache_settlements_total',
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
    name: 'quintet_cache_mode',
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
    name: 'quintet_cache_epoch',
    help: 'Of a cache on a server, how often which server it is, or its mode, has changed.',
    registers,
    collect() {
      setKnown(this, cache.stats().control?.epoch)
    },
  })
  new Gauge({
    name: 'quintet_cache_entries',
    help: 'Entries cached in this process.',
    registers,
    collect() {
      setKnown(this, cache.stats().entries)
    },
  })
  new Gauge({
    name: 'quintet_cache_bytes',
    help: 'Memory of the cached entries, an estimate that is never too low.',
    registers,
    collect() {
      setKnown(this, cache.stats().bytes)
    },
  })
}

/** A cache on a server has no entries here, and one in this process no epoch. */
function setKnown(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove()
  else gauge.set(value)
}
