import type { Request } from './requests.ts'

/** Result of one load; `errors` counts socket errors, timeouts and responses that were not 2xx. */
export type Load = {
  requests: number
  rps: number
  p50Ms: number
  p99Ms: number
  bytes: number
  errors: number
}

/** `authorization` is a field of each request. */
export type LoadOptions = {
  url: string
  requests: readonly Request[]
  seconds: number
  connections: number
  authorization?: string | undefined
}

export type Generator = { name: string; connections: number; run(options: LoadOptions): Promise<Load> }
