import type { Generator } from '../load.ts'
import type { Request } from '../requests.ts'
import { describeMachine } from '../machine.ts'
import { countDescriptors, usageOf } from '../process-tree.ts'
import { get, post, sendAll } from '../requests.ts'
import { bothInOne } from '../rows.ts'
import { startServer } from '../servers.ts'
import { trendOf } from './trend.ts'
import type { Trend } from './trend.ts'

/** What is measured after each slice of the load. */
type Slice = {
  seconds: number
  rssMb: number
  descriptors: number
  rps: number
  p50Ms: number
  p99Ms: number
  errors: number
}

export const figures = ['rssMb', 'descriptors', 'rps', 'p50Ms', 'p99Ms'] as const
export type Figure = (typeof figures)[number]

export type SoakReport = {
  machine: ReturnType<typeof describeMachine>
  slices: Slice[]
  trends: Record<Figure, Trend>
}

export type SoakOptions = {
  seconds: number
  generator: Generator
  directory: string
  progress(sentence: string): void
}

const slicesMin = 30
const sliceSecondsMax = 5
/** The share of the run in which caches fill, V8 compiles, and the first GUIDs expire. */
const warmUpShare = 1 / 5
const guidsCount = 1_000
/** Of each twenty requests eighteen read, one changes and one creates. */
const readsPerWrite = 18
const expirySeconds = 30

/** Loads gateway and guid in one process, and measures their memory, descriptors and latency in slices of the time. */
export async function runSoak({ seconds, generator, directory, progress }: SoakOptions): Promise<SoakReport> {
  const machine = describeMachine(directory, generator.name)
  const server = await startServer([bothInOne], { directory })
  const slices: Slice[] = []
  try {
    const guids = Array.from({ length: guidsCount }, (_, n) => n.toString(16).toUpperCase().padStart(32, '0'))
    await sendAll(
      server.url,
      guids.map((id) => post(`/guid/${id}`, { user: 'user-1', expire: '9999999999' })),
    )
    const sliceSeconds = Math.max(1, Math.min(sliceSecondsMax, Math.floor(seconds / slicesMin)))
    const startedAt = performance.now()
    for (const elapsed = () => (performance.now() - startedAt) / 1_000; elapsed() < seconds; ) {
      const load = await generator.run({
        url: server.url,
        requests: mixed(guids),
        seconds: sliceSeconds,
        connections: generator.connections,
      })
      server.truncateLogs()
      const { rps, p50Ms, p99Ms, errors } = load
      const { rssMb } = usageOf(server.pids)
      const slice = {
        seconds: elapsed(),
        rssMb,
        descriptors: countDescriptors(server.pids),
        rps,
        p50Ms,
        p99Ms,
        errors,
      }
      slices.push(slice)
      progress(sentenceOf(slice))
    }
  } finally {
    await server.close()
  }
  const counted = slices.slice(Math.floor(slices.length * warmUpShare))
  const trend = (figure: Figure) => trendOf(counted.map((slice) => slice[figure]))
  const trends = {
    rssMb: trend('rssMb'),
    descriptors: trend('descriptors'),
    rps: trend('rps'),
    p50Ms: trend('p50Ms'),
    p99Ms: trend('p99Ms'),
  }
  return { machine, slices, trends }
}

/** What is created expires soon, so that the number of rows stays the same. */
function mixed(guids: readonly string[]): Request[] {
  const expire = String(Math.floor(Date.now() / 1_000) + expirySeconds)
  return guids.flatMap((id, n) => {
    const reads = Array.from({ length: readsPerWrite }, (_, i) =>
      get(`/guid/${guids[(n * readsPerWrite + i) % guids.length]}`),
    )
    const change: Request = {
      method: 'PATCH',
      path: `/guid/${id}`,
      body: JSON.stringify({ user: `user-${Date.now()}-${n}` }),
    }
    return [...reads, change, post('/guid', { user: `user-${n}`, expire })]
  })
}

function sentenceOf({ seconds, rssMb, descriptors, rps, p99Ms, errors }: Slice): string {
  return `${seconds.toFixed(0)} s: ${rps.toFixed(0)} req/s, p99 ${p99Ms.toFixed(1)} ms, ${rssMb.toFixed(0)} MB, ${descriptors} descriptors, ${errors} errors`
}
