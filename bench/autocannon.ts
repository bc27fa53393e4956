import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Generator, Load } from './load.ts'
import type { Request } from './requests.ts'
import { runPinned } from './pinning.ts'

/** The members of the output of `autocannon --json` that are used; latencies are whole milliseconds. */
type Output = {
  requests: { total: number }
  duration: number
  latency: { p50: number; p99: number }
  throughput: { total: number }
  errors: number
  timeouts: number
  non2xx: number
}

export function createAutocannon(options: { connections: number; directory: string }): Generator {
  const program = fileURLToPath(import.meta.resolve('autocannon'))
  const archive = join(options.directory, 'requests.har')
  return {
    name: 'autocannon',
    connections: options.connections,
    async run({ url, requests, seconds, authorization, connections }) {
      writeFileSync(archive, JSON.stringify(httpArchive(url, requests, authorization)))
      const load = ['-c', `${connections}`, '-d', `${seconds}`, '--json', '--har', archive, url]
      return toLoad(JSON.parse(await runPinned(process.execPath, [program, ...load], seconds)))
    },
  }
}

function toLoad({ requests, duration, latency, throughput, ...failed }: Output): Load {
  return {
    requests: requests.total,
    rps: requests.total / duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    bytes: throughput.total / requests.total,
    errors: failed.errors + failed.timeouts + failed.non2xx,
  }
}

/** autocannon takes a list of requests only in the HTTP Archive format. */
function httpArchive(url: string, requests: readonly Request[], authorization?: string): object {
  const always = authorization === undefined ? [] : [{ name: 'authorization', value: authorization }]
  const headers = [...always, { name: 'content-type', value: 'application/json' }]
  const entries = requests.map(({ method, path, body }) => ({
    request:
      body === undefined
        ? { method, url: url + path, headers: always }
        : { method, url: url + path, headers, postData: { text: body } },
  }))
  return { log: { entries } }
}
