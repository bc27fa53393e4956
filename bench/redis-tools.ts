import { engine } from './engines.ts'
import { runPinned } from './pinning.ts'
import type { Tool } from './rows.ts'

const requestsPerSecondAssumed = 60_000

/** Redis' own benchmark, redis-benchmark: one GET in flight on each connection. */
export const getKeys: Tool = async ({ seconds, connections }) => {
  const { hostname, port } = new URL(engine('redis'))
  const requests = requestsPerSecondAssumed * seconds
  const flags = [
    '-h',
    hostname,
    '-p',
    port,
    '-c',
    `${connections}`,
    '-n',
    `${requests}`,
    '-d',
    '90',
    '-t',
    'get',
    '--csv',
  ]
  const output = await runPinned('redis-benchmark', flags, seconds * 10, 'anywhere')
  const [, rps = Number.NaN, , , p50Ms = Number.NaN, , p99Ms = Number.NaN] = (
    output.trim().split('\n').at(-1) ?? ''
  )
    .split(',')
    .map((cell) => Number(cell.replaceAll('"', '')))
  return { requests, rps, p50Ms, p99Ms, bytes: 90, errors: 0 }
}
