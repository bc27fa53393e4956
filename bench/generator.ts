import { createAutocannon } from './autocannon.ts'
import type { Generator } from './load.ts'
import type { Request } from './requests.ts'
import { createWrk, wrkVersion } from './wrk.ts'

/** wrk where the machine has it; autocannon, which reaches about half its rate, where not. */
export function createGenerator(options: { connections: number; directory: string }): Generator {
  return goingOn(wrkVersion() === undefined ? createAutocannon(options) : createWrk(options))
}

/** Each load begins where the last one of the same requests ended, for those that count only once. */
function goingOn({ run, ...generator }: Generator): Generator {
  const sentOf = new WeakMap<readonly Request[], number>()
  return {
    ...generator,
    async run(options) {
      const { requests } = options
      const sent = sentOf.get(requests) ?? 0
      const at = sent % requests.length
      const load = await run({ ...options, requests: [...requests.slice(at), ...requests.slice(0, at)] })
      sentOf.set(requests, sent + load.requests)
      return load
    },
  }
}
