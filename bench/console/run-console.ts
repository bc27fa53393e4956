import { join } from 'node:path'
import { portSetting, serviceNames } from '@quintet/contracts/topology'
import { medianOf } from '../median.ts'
import { usageOf } from '../process-tree.ts'
import { quantileOf } from '../quantile.ts'
import { startServer } from '../servers.ts'
import type { Server, ServerProcess } from '../servers.ts'
import type { Budget, ConsoleOptions } from './budgets.ts'
import { measurePage } from './measure-page.ts'
import { linesPerTrace, sendLines, sendTraces } from './telemetry.ts'

/** All services; the console is what is asked. */
const system: ServerProcess = {
  script: 'quintet.ts',
  args: ['start'],
  ports: ['CONSOLE_PORT', ...serviceNames.map(portSetting)],
  core: 'anywhere',
}
const others = serviceNames.filter((name) => name !== 'gateway').map(portSetting)
/** The gateway is asked, with a console and without. */
const withConsole: ServerProcess = { ...system, ports: [portSetting('gateway'), ...others, 'CONSOLE_PORT'] }
const withoutConsole: ServerProcess = { ...withConsole, settings: { CONSOLE: 'off' } }
/** Enough for all that is sent. */
const fileBytesMax = 4_294_967_296
/** Long enough for what a start leaves to be collected. */
const settleMs = 3_000
const requestsPerQuery = 30

/** Measures what the console costs and how it holds up, each figure beside its budget. */
export async function runConsole(options: ConsoleOptions): Promise<readonly Budget[]> {
  const costs = await measureCosts(options)
  const file = join(options.directory, 'telemetry.db')
  const settings = { TELEMETRY_URL: `sqlite:${file}?bytes=${fileBytesMax}` }
  const server = await startServer([{ ...system, settings }], options)
  try {
    const page = await measurePage(server.url, options)
    return [...page, ...(await measureLists(server, options)), ...costs]
  } finally {
    await server.close()
  }
}

/** What a start and the memory of all services are more with the console, as medians of paired rounds. */
async function measureCosts({ rounds, directory, progress }: ConsoleOptions): Promise<Budget[]> {
  const starts: number[] = []
  const memories: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    progress(`starting with and without the console, round ${round} of ${rounds}`)
    const without = await startAndSettle(withoutConsole, directory)
    const whole = await startAndSettle(withConsole, directory)
    starts.push(whole.readyMs - without.readyMs)
    memories.push(whole.rssMb - without.rssMb)
  }
  return [
    { name: 'start, ms more', value: medianOf(starts) ?? Number.NaN, max: 30 },
    { name: 'memory, MB more', value: medianOf(memories) ?? Number.NaN, max: 25 },
  ]
}

async function startAndSettle(
  process: ServerProcess,
  directory: string,
): Promise<{ readyMs: number; rssMb: number }> {
  const server = await startServer([process], { directory })
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  const { rssMb } = usageOf(server.pids)
  await server.close()
  return { readyMs: server.readyMs, rssMb }
}

async function measureLists({ url }: Server, { traces, progress }: ConsoleOptions): Promise<Budget[]> {
  progress(`sending ${traces} traces and ${traces * linesPerTrace} lines`)
  await sendTraces(url, traces)
  await sendLines(url, traces * linesPerTrace)
  const queries = [
    { name: `traces, newest of ${traces}, p95 ms`, path: () => '/api/traces?limit=100', max: 50 },
    {
      name: `traces, longest of ${traces}, p95 ms`,
      path: () => '/api/traces?limit=100&sort=duration',
      max: 50,
    },
    {
      name: `words in ${traces * linesPerTrace} lines, p95 ms`,
      path: (i: number) => `/api/logs?limit=100&words=needle${i * 997}x`,
      max: 300,
    },
  ]
  const found: Budget[] = []
  for (const { name, path, max } of queries) {
    progress(`asking for ${name}`)
    const times: number[] = []
    for (let i = 0; i < requestsPerQuery; i += 1) {
      const startedAt = performance.now()
      const response = await fetch(url + path(i))
      const body = await response.text()
      times.push(performance.now() - startedAt)
      if (response.status !== 200 || body.includes('"data":[]'))
        throw new Error(`${path(i)} has found nothing: ${response.status}`)
    }
    found.push({ name, value: quantileOf(times, 0.95), max })
  }
  return found
}
