import type { Request } from './requests.ts'
import { createAutocannon } from './autocannon.ts'
import { createWrk, wrkVersion } from './wrk.ts'

/** What a load generator counted; `errors` are socket errors, time-outs and answers that were not 2xx. */
export type Load = {
  requests: number
  rps: number
  p50Ms: number
  p99Ms: number
  bytes: number
  errors: number
}

export type LoadOptions = { url: string; requests: Request[]; seconds: number }

export type Generator = { name: string; run(options: LoadOptions): Promise<Load> }

/** wrk where the machine has it; autocannon, which reaches about half its rate, where not. */
export function createGenerator(options: { connections: number; directory: string }): Generator {
  return wrkVersion() === undefined ? createAutocannon(options) : createWrk(options)
}
