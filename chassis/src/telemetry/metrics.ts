import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { createRequestDurations } from './request-durations.ts'

// The kinds of metric that a service adds.
export { Counter, Gauge } from 'prom-client'

/** The Prometheus metrics of one service; its own are added to `registry`. */
export type Metrics = {
  readonly registry: Registry
  /** The number of this process, where several are one instance of the service. */
  readonly worker: string | undefined
  /** Records one answered request. */
  observe(method: string, route: string, status: number, durationMs: number): void
  /** All metrics in the text format of Prometheus, of the media type `registry.contentType`. */
  text(): Promise<string>
}

/**
 * Each service has a registry of its own, so that several can run in one process. Where several processes are one instance of it,
 * `worker` distinguishes their metrics.
 */
export function createMetrics(service: string, worker?: string): Metrics {
  const labels = { service, ...(worker !== undefined && { worker }) }
  const registry = new Registry()
  registry.setDefaultLabels(labels)
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'service_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['node'],
    registers: [registry],
  }).set({ node: process.version }, 1)
  const durations = createRequestDurations(labels)
  return {
    registry,
    worker,
    observe: durations.observe,
    text: async () => `${await registry.metrics()}\n${durations.text()}`,
  }
}
