import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Generator, Load } from './load.ts'
import type { Request } from './requests.ts'
import { runPinned } from './pinning.ts'

const marker = 'totals:'

/** Undefined where wrk is not installed. */
export function wrkVersion(): string | undefined {
  const { stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' })
  return /wrk (?:debian\/)?([\d.]+)/.exec(stdout ?? '')?.[1]
}

export function createWrk(options: { connections: number; directory: string }): Generator {
  const { directory } = options
  return {
    name: `wrk ${wrkVersion()}`,
    connections: options.connections,
    async run({ url, requests, seconds, authorization, connections }) {
      const script = join(directory, 'wrk.lua')
      const list = join(directory, 'requests.txt')
      writeFileSync(list, requests.map(lineOf).join('\n'))
      writeFileSync(script, luaScript(list, authorization))
      const flags = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, url]
      return parse(await runPinned('wrk', flags, seconds))
    },
  }
}

function parse(output: string): Load {
  const line = output.split('\n').find((text) => text.startsWith(marker))
  if (!line) throw new Error(`wrk printed no totals: ${output}`)
  const [requests = 0, seconds = 1, bytes = 0, p50Ms = 0, p99Ms = 0, errors = 0] = line
    .slice(marker.length)
    .split(' ')
    .map(Number)
  return { requests, rps: requests / seconds, p50Ms, p99Ms, bytes: bytes / requests, errors }
}

/** Formats the requests before the load begins, because formatting during the load would reduce its rate. */
function luaScript(list: string, authorization?: string): string {
  const always = authorization === undefined ? '' : `["authorization"] = "${authorization}"`
  return `
local requests = {}
local at = 0
init = function()
  local always = { ${always} }
  local json = { ["content-type"] = "application/json", ${always} }
  for line in io.lines("${list}") do
    local method, path, body = line:match("^(%u+) (%S+) ?(.*)$")
    if body == "" then requests[#requests + 1] = wrk.format(method, path, always)
    else requests[#requests + 1] = wrk.format(method, path, json, body) end
  end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
done = function(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("${marker}%d %f %d %f %f %d\\n", summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors))
end
`
}

function lineOf({ method, path, body = '' }: Request): string {
  return `${method} ${path} ${body}`
}
