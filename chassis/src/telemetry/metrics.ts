import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** Prometheus metrics of one service. `registry` takes what a service counts beside its requests. */
export type Metrics = {
  readonly registry: Registry
  /** Counts one answered request; `durationMs` in milliseconds. */
  observe(method: string, route: string, status: number, durationMs: number): void
}

/** Upper bounds in seconds: from a cached answer to the longest that a request may last. */
const bucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** A registry of its own for each service, so that six of them can live in one process. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'service_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['node'],
    registers: [registry],
  }).set({ node: process.version }, 1)
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: bucketsSeconds,
    registers: [registry],
  })
  // Finding a child by its labels costs more than counting in it; routes, methods and statuses are few.
  const children = new Map<string, Map<number, { observe(seconds: number): void }>>()

  function childOf(method: string, route: string, status: number): { observe(seconds: number): void } {
    const key = `${method} ${route}`
    let byStatus = children.get(key)
    if (byStatus === undefined) {
      byStatus = new Map()
      children.set(key, byStatus)
    }
    let child = byStatus.get(status)
    if (child === undefined) {
      child = duration.labels({ method, route, status: String(status) })
      byStatus.set(status, child)
    }
    return child
  }

  return {
    registry,
    observe: (method, route, status, durationMs) => childOf(method, route, status).observe(durationMs / 1000),
  }
}
