export { mergeMetrics, withLabel } from './merge-metrics.ts'
export { startWorkers } from './primary.ts'
export { currentWorker, metricsIn } from './worker.ts'
export type { Worker } from './worker.ts'
