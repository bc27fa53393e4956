import type { Generator } from '../load.ts'
import type { Request } from '../requests.ts'
import { ratioInterval } from '../against/interval.ts'
import type { RatioInterval } from '../against/interval.ts'
import { describeMachine } from '../machine.ts'
import { medianOf } from '../median.ts'
import { get } from '../requests.ts'
import { guid } from '../rows.ts'
import { startServer } from '../servers.ts'
import { waitForIdle } from '../wait-for-idle.ts'
import { guidCreations } from '../workloads.ts'
import { postgres, sqlite } from './databases.ts'
import type { FilledDatabase, ScaleEngine } from './databases.ts'
import { engineInserts } from './engine-inserts.ts'
import type { Sample } from './engine-inserts.ts'

export type ScaleOptions = {
  /** The numbers of rows, ascending; everything is compared with the first. */
  rows: readonly number[]
  settings: { rounds: number; seconds: number; connections: number }
  generator: Generator
  directory: string
  progress(sentence: string): void
}

export const operations = ['GET', 'list', 'POST'] as const
type Operation = (typeof operations)[number]

/** The medians of the rounds. Ratios are those of a round, of this number of rows to the first: at least 1 is as good. */
export type ScaleResult = {
  engine: string
  rows: number
  operation: Operation | 'engine inserts'
  rps: number
  p50_ms: number
  p99_ms: number
  rate: RatioInterval
  p99: RatioInterval
  errors: number
}

export type ScaleReport = {
  machine: ReturnType<typeof describeMachine>
  settings: ScaleOptions['settings']
  results: ScaleResult[]
  /** The engines that were not measured, with the reason. */
  skipped: string[]
}

/** V8 compiles what a server runs again and again; before that its rate says nothing about the database. */
const warmUpSeconds = 2

/**
 * Measures guid without a cache on databases with more and more rows. A round starts a server on each number of rows in turn,
 * in the next round in the opposite order, so that drift favours none.
 */
export async function runScale(options: ScaleOptions): Promise<ScaleReport> {
  const { directory, generator, settings } = options
  const machine = describeMachine(directory, generator.name)
  const engines = [sqlite, postgres]
  const skipped = engines.flatMap(({ name, skipReason }) =>
    skipReason === false ? [] : [`${name}: ${skipReason}`],
  )
  const results: ScaleResult[] = []
  for (const engine of engines)
    if (engine.skipReason === false) results.push(...(await measureEngine(engine, options)))
  return { machine, settings, results, skipped }
}

type Round = ReadonlyMap<ScaleResult['operation'], Sample>

async function measureEngine(engine: ScaleEngine, options: ScaleOptions): Promise<ScaleResult[]> {
  const { rows, settings, directory, progress } = options
  const measured: { database: FilledDatabase; rounds: Round[] }[] = []
  for (const count of rows) {
    const report = (run: string) =>
      progress(`${engine.name}: creating ${count.toLocaleString('en')} rows, ${run}`)
    measured.push({ database: await engine.fill(count, directory, report), rounds: [] })
  }
  for (let round = 0; round < settings.rounds; round++)
    for (const { database, rounds } of round % 2 === 0 ? measured : measured.toReversed()) {
      const name = `${database.rows.toLocaleString('en')} rows`
      progress(`${engine.name}: round ${round + 1} of ${settings.rounds}, ${name}`)
      rounds.push(await measureRound(database, options))
    }
  const [first] = measured
  return measured.flatMap(({ database, rounds }) =>
    ([...operations, 'engine inserts'] as const).map((operation) => ({
      engine: engine.name,
      rows: database.rows,
      operation,
      ...summarize(operation, rounds, first?.rounds ?? []),
    })),
  )
}

async function measureRound(
  database: FilledDatabase,
  { settings, generator, directory }: ScaleOptions,
): Promise<Round> {
  const url = await database.take()
  const process = { ...guid, settings: { GUID_DATABASE_URL: url, CACHE_URL: 'none:' } }
  const server = await startServer([process], { directory })
  const samples = new Map<ScaleResult['operation'], Sample>()
  const { seconds } = settings
  await waitForIdle()
  try {
    for (const operation of operations) {
      const requests = requestsOf(operation, database)
      const load = { url: server.url, requests, connections: generator.connections }
      await generator.run({ ...load, seconds: warmUpSeconds })
      samples.set(operation, await generator.run({ ...load, seconds }))
    }
  } finally {
    await server.close()
  }
  await waitForIdle()
  return samples.set('engine inserts', await engineInserts(url, settings))
}

function requestsOf(operation: Operation, { guids }: FilledDatabase): readonly Request[] {
  if (operation === 'POST') return guidCreations.requests
  if (operation === 'GET') return guids.map((id) => get(`/guid/${id}`))
  return ['/guids', ...Array.from({ length: 100 }, (_, n) => `/guids?user=user-${n}`)].map(get)
}

function summarize(operation: ScaleResult['operation'], rounds: readonly Round[], first: readonly Round[]) {
  const samples = rounds.flatMap((round) => round.get(operation) ?? [])
  const reference = first.flatMap((round) => round.get(operation) ?? [])
  const median = (member: keyof Sample) => medianOf(samples.map((one) => one[member])) ?? Number.NaN
  const ratioOf = (member: 'rps' | 'p99Ms') =>
    ratioInterval(
      samples.map((one, i) => ({ base: reference[i]?.[member] ?? Number.NaN, current: one[member] })),
    )
  return {
    rps: Math.round(median('rps')),
    p50_ms: median('p50Ms'),
    p99_ms: median('p99Ms'),
    rate: ratioOf('rps'),
    p99: ratioOf('p99Ms'),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
  }
}
