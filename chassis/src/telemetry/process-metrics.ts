import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { collectDefaultMetrics, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'

/** Named as counters and counted as gauges, and read through internals of Node that take long where there are many connections. */
const omitted = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Exports what is of the process and not of a service: CPU, memory, event loop, garbage collection, and which version of what runs. */
export function exportProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of omitted) registry.removeSingleMetric(name)
  let before = performance.eventLoopUtilization()
  new Gauge({
    name: 'nodejs_eventloop_utilization',
    help: 'The share of the time since the last scrape in which the event loop was not idle, from 0 to 1.',
    registers: [registry],
    collect() {
      const now = performance.eventLoopUtilization()
      this.set(performance.eventLoopUtilization(now, before).utilization)
      before = now
    },
  })
  new Gauge({
    name: 'quintet_build_info',
    help: 'Always 1; the labels are the version of the system and that of Node.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: readVersion(), node: process.version }, 1)
}

function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
