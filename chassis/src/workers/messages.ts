/** The messages between a primary and its workers, over the channel of `node:cluster`. */

export type FromWorker =
  /** The worker serves; `text` says what, for the operator. */
  | { readonly kind: 'ready'; readonly text: string }
  /** Requests the metrics of a service from all workers. */
  | { readonly kind: 'collect'; readonly id: number; readonly service: string }
  /** The metrics of this worker. */
  | { readonly kind: 'report'; readonly id: number; readonly text: string }

export type FromPrimary =
  /** The worker is to close, as on SIGTERM. */
  | { readonly kind: 'close' }
  | { readonly kind: 'report'; readonly id: number; readonly service: string }
  | { readonly kind: 'collected'; readonly id: number; readonly texts: readonly string[] }

/** The variable with the number of a worker, from 1. */
export const workerVariable = 'QUINTET_WORKER'
