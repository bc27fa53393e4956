import type { Generator } from './load.ts'
import type { Request } from './requests.ts'
import { createAutocannon } from './autocannon.ts'
import { createWrk, wrkVersion } from './wrk.ts'

/** wrk where it is installed, otherwise autocannon, which reaches about half the rate. */
export function createGenerator(options: { connections: number; directory: string }): Generator {
  return resuming(wrkVersion() === undefined ? createAutocannon(options) : createWrk(options))
}

/** Starts each load where the last one of the same list ended, because some requests succeed only once. */
function resuming({ run, ...generator }: Generator): Generator {
  const sentOf = new WeakMap<readonly Request[], number>()
  return {
    ...generator,
    async run(options) {
      const { requests } = options
      const sent = sentOf.get(requests) ?? 0
      const start = sent % requests.length
      const load = await run({
        ...options,
        requests: [...requests.slice(start), ...requests.slice(0, start)],
      })
      sentOf.set(requests, sent + load.requests)
      return load
    },
  }
}
