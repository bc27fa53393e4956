import type { Request } from './requests.ts'

/** What a load generator counted; `errors` are socket errors, time-outs and answers that were not 2xx. */
export type Load = {
  requests: number
  rps: number
  p50Ms: number
  p99Ms: number
  bytes: number
  errors: number
}

/** `connections` where they are to be others than the generator's own. */
export type LoadOptions = {
  url: string
  requests: readonly Request[]
  seconds: number
  connections?: number | undefined
}

export type Generator = { name: string; connections: number; run(options: LoadOptions): Promise<Load> }
