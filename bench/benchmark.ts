import type { BrokerRates } from './broker-rates.ts'
import type { Generator } from './load.ts'
import type { Bench, Sample } from './measure.ts'
import type { Report } from './report.ts'
import type { Row } from './rows.ts'
import type { Server } from './servers.ts'
import { brokerRates } from './broker-rates.ts'
import { describeMachine } from './machine.ts'
import { measure } from './measure.ts'
import { waitForIdle } from './wait-for-idle.ts'
import { queueThroughput } from './queue-throughput.ts'
import { medianOf } from './median.ts'
import { toResult } from './result.ts'
import { bareHttp, guid } from './rows.ts'
import { startServer } from './servers.ts'
import { startRow } from './start-row.ts'
import { evaluateTargets } from './targets.ts'

type Settings = { rounds: number; seconds: number; connections: number }

/** `progress` gets a sentence for each step; `directory` holds data, logs and scripts, and must be on a real disk. */
type BenchmarkOptions = {
  rows: Row[]
  /** Whether the targets of the rows on real engines are evaluated as well. */
  engines: boolean
  settings: Settings
  generator: Generator
  directory: string
  progress(sentence: string): void
}

/** The state of a row during the run. A row with a `failure` is not measured any further. */
type Entry = { row: Row; server?: Server; samples: Sample[]; failure?: string }

const startsCount = 5
const drainsCount = 3

/** Measures the rows in interleaved rounds; a row that fails is reported and does not stop the others. */
export async function runBenchmark(options: BenchmarkOptions): Promise<Report> {
  const { rows, settings, generator, directory } = options
  const machine = describeMachine(directory, generator.name)
  const bench = {
    generator,
    seconds: settings.seconds,
    bareHttp: await startServer([bareHttp], { directory }),
  }
  const entries = rows.map((row): Entry => ({ row, samples: [] }))
  for (const entry of entries) await attempt(entry, () => start(entry, options))
  await runRounds(entries, bench, options)
  await Promise.all(
    [bench.bareHttp, ...entries.flatMap(({ server }) => server ?? [])].map((server) => server.close()),
  )
  const results = entries.map(({ row, samples, failure }) => toResult(row.name, samples, failure))
  const firstAnswerSeconds = await measureFirstAnswer(options)
  const storedPerSecond = await measureStored(options)
  const brokerRates = await measureBroker(options)
  const figures = { results, firstAnswerSeconds, storedPerSecond, brokerRates }
  const targets = evaluateTargets(figures, options.engines)
  return { machine, settings, rows: results, targets }
}

async function start(entry: Entry, { directory, progress }: BenchmarkOptions): Promise<void> {
  progress(`starting ${entry.row.name}`)
  entry.server = await startRow(entry.row, { directory })
}

/** In the order A B C, C B A, A B C, so that drift over minutes favours no row. */
async function runRounds(
  entries: Entry[],
  bench: Bench,
  { settings, progress }: BenchmarkOptions,
): Promise<void> {
  for (let round = 0; round < settings.rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      const { row, server, samples } = entry
      if (!server) continue
      progress(`round ${round + 1} of ${settings.rounds}: ${row.name}`)
      await attempt(entry, async () => void samples.push(await measure(bench, row, server)))
    }
  }
}

/** Records the first failure of a row; after it, nothing more is attempted. */
async function attempt(entry: Entry, work: () => Promise<void>): Promise<void> {
  if (entry.failure !== undefined) return
  try {
    await work()
  } catch (error) {
    entry.failure = error instanceof Error ? error.message : String(error)
  }
}

/** Seconds from the start of guid's process on empty storage until it is ready; undefined if no row needs guid. */
async function measureFirstAnswer({
  rows,
  directory,
  progress,
}: BenchmarkOptions): Promise<number | undefined> {
  if (!rows.some(({ processes }) => processes.includes(guid))) return undefined
  progress(`starting guid ${startsCount} times`)
  const times: number[] = []
  for (let count = 0; count < startsCount; count++)
    times.push(await timeStart(directory).catch(() => Number.NaN))
  const readyMs = medianOf(times)
  return readyMs && readyMs / 1_000
}

/** Orders per second from the queue into the database; undefined if no row posts orders. */
async function measureStored({ rows, directory, progress }: BenchmarkOptions): Promise<number | undefined> {
  if (!rows.some(({ name }) => name.startsWith('billing'))) return undefined
  const rates: number[] = []
  for (let count = 0; count < drainsCount; count++) {
    progress(`posting orders to be stored, ${count + 1} of ${drainsCount}`)
    await waitForIdle()
    rates.push(await queueThroughput(directory).catch(() => Number.NaN))
  }
  return medianOf(rates)
}

/** Orders per second through RabbitMQ, Quintet and the peer in turn; undefined unless billing on engines is selected. */
async function measureBroker({
  rows,
  engines,
  directory,
  progress,
}: BenchmarkOptions): Promise<BrokerRates | undefined> {
  if (!engines || !rows.some(({ name }) => name.startsWith('billing'))) return undefined
  const runs: BrokerRates[] = []
  for (let count = 0; count < drainsCount; count++) {
    progress(`orders through RabbitMQ, Quintet and the peer, ${count + 1} of ${drainsCount}`)
    const rates = await brokerRates(directory).catch((error: Error) =>
      progress(`not measured: ${error.message}`),
    )
    if (rates !== undefined) runs.push(rates)
  }
  const median = (name: keyof BrokerRates) => medianOf(runs.map((run) => run[name])) ?? Number.NaN
  return {
    endToEnd: median('endToEnd'),
    peerEndToEnd: median('peerEndToEnd'),
    drained: median('drained'),
    peerDrained: median('peerDrained'),
  }
}

async function timeStart(directory: string): Promise<number> {
  await waitForIdle()
  const server = await startServer([guid], { directory })
  await server.close()
  return server.readyMs
}
