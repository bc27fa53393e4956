import { Registry } from 'prom-client'
import { durationBuckets, exchangesOf } from './durations.ts'
import type { ObserveExchange } from './durations.ts'
import { createHistogram } from './histogram.ts'
import type { Histogram, HistogramOptions } from './histogram.ts'
import { exportProcessMetrics } from './process-metrics.ts'

// The kinds of metric that a service adds.
export { Counter, Gauge } from 'prom-client'

/** The Prometheus metrics of one service; its own are added to `registry`. */
export type Metrics = {
  readonly registry: Registry
  /** The number of this process, where several are one instance of the service. */
  readonly worker: string | undefined
  /** Adds a histogram, of durations in seconds where it has no buckets of its own. */
  histogram(options: Omit<HistogramOptions, 'buckets'> & Partial<HistogramOptions>): Histogram
  /** What records the requests of a route; undefined stands for those that no route has. */
  requestsOf(route: string | undefined): ObserveExchange
  /** All metrics in the text format of Prometheus. */
  text(): Promise<string>
}

export type MetricsOptions = {
  /** Distinguishes the metrics of processes that are one instance of the service. */
  readonly worker?: string | undefined
  /** Whether they have those of the process too, which only one of the services in it has. */
  readonly isOfProcess?: boolean
}

/** Each service has a registry of its own, so that several can run in one process. */
export function createMetrics({ worker, isOfProcess = false }: MetricsOptions = {}): Metrics {
  const labels: Record<string, string> = worker === undefined ? {} : { worker }
  const registry = new Registry()
  registry.setDefaultLabels(labels)
  if (isOfProcess) exportProcessMetrics(registry)
  const histograms: Histogram[] = []

  const histogram: Metrics['histogram'] = (options) => {
    const added = createHistogram({ buckets: durationBuckets, ...options }, labels)
    histograms.push(added)
    return added
  }

  const requests = histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its response, by method, route and status.',
  })
  return {
    registry,
    worker,
    histogram,
    requestsOf: (route) => exchangesOf(requests, { http_route: route ?? '' }),
    async text() {
      const text = [await registry.metrics(), ...histograms.map((one) => one.text())].join('\n')
      return withoutUnknown(text)
    },
  }
}

/** A value that is not known, such as the delay of an event loop that was not sampled, would silence each alert that it is in. */
function withoutUnknown(text: string): string {
  const isKnown = (line: string) => line.startsWith('#') || !line.toLowerCase().endsWith(' nan')
  return text.split('\n').filter(isKnown).join('\n')
}
