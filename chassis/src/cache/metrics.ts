import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Cache } from './port.ts'

/** Shows what a cache did and holds, read from it whenever Prometheus asks. */
export function exportCacheMetrics(registry: Registry, cache: Cache): void {
  const registers = [registry]
  new Counter({
    name: 'cache_reads_total',
    help: 'Reads by result: hit, miss, wait (for the load of another reader), busy (beside a write), bypass.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().reads)) this.inc({ result }, count)
    },
  })
  new Counter({
    name: 'cache_writes_total',
    help: 'Writes by result: ok, contended (another write met it and the key was left empty), failed.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(cache.stats().writes)) this.inc({ result }, count)
    },
  })
  new Gauge({
    name: 'cache_entries',
    help: 'Entries that this process holds now.',
    registers,
    collect() {
      this.set(cache.stats().entries ?? 0)
    },
  })
  new Gauge({
    name: 'cache_bytes',
    help: 'Memory of the entries held now, an estimate that errs upwards.',
    registers,
    collect() {
      this.set(cache.stats().bytes ?? 0)
    },
  })
}
