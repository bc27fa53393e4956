export { mergeMetrics } from './merge-metrics.ts'
export { startWorkers } from './primary.ts'
export { currentWorker } from './worker.ts'
export type { Worker } from './worker.ts'
