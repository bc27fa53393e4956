import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { MetricValueWithName } from 'prom-client'

// What a service counts beside its requests is of these kinds.
export { Counter, Gauge } from 'prom-client'

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
  const durations = createDurations()
  // The library looks a child up by its labels at each observation, which takes a tenth of the time of a cached answer.
  const get = async () => ({
    ...description,
    type: 'histogram',
    aggregator: 'sum',
    values: durations.values(),
  })
  const histogram = new Histogram({
    ...description,
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  })
  Object.assign(histogram, { get, getForPromString: get })
  return { registry, observe: durations.observe }
}

const description = {
  name: 'http_request_duration_seconds',
  help: 'Time from the arrival of a request to the end of its answer, by method, route and status.',
}

type Series = {
  labels: { method: string; route: string; status: string }
  counts: number[]
  sumSeconds: number
}

/** Counts in buckets by method, route and status, of which there are few. */
function createDurations(): { observe: Metrics['observe']; values(): MetricValueWithName<string>[] } {
  const all: Series[] = []
  const byRoute = new Map<string, Map<string, Series[]>>()

  function seriesOf(method: string, route: string, status: number): Series {
    let byMethod = byRoute.get(route)
    if (byMethod === undefined) {
      byMethod = new Map()
      byRoute.set(route, byMethod)
    }
    let byStatus = byMethod.get(method)
    if (byStatus === undefined) {
      byStatus = []
      byMethod.set(method, byStatus)
    }
    let series = byStatus[status]
    if (series === undefined) {
      const counts = new Array<number>(bucketsSeconds.length + 1).fill(0)
      series = { labels: { method, route, status: String(status) }, counts, sumSeconds: 0 }
      byStatus[status] = series
      all.push(series)
    }
    return series
  }

  return {
    observe(method, route, status, durationMs) {
      const series = seriesOf(method, route, status)
      const seconds = durationMs / 1000
      let bucket = 0
      while (seconds > (bucketsSeconds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
      series.sumSeconds += seconds
    },
    values: () => all.flatMap(valuesOf),
  }
}

/** Prometheus wants each bucket to count all that are not longer, up to infinity. */
function valuesOf({ labels, counts, sumSeconds }: Series): MetricValueWithName<string>[] {
  const { name } = description
  let total = 0
  const buckets = counts.map((count, i) => {
    total += count
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bucketsSeconds[i] ?? '+Inf' },
      value: total,
    }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumSeconds },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
