import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '@quintet/backends/command-line'
import type { Arguments } from './arguments.ts'
import type { ScaleOptions } from './scale/run-scale.ts'
import type { SoakOptions } from './soak/run-soak.ts'
import { formatComparison, hasPassed } from './against/comparison-report.ts'
import { checkOutBase } from './against/base-checkout.ts'
import { runAgainst } from './against/run-against.ts'
import { parseArguments, usage } from './arguments.ts'
import { runBenchmark } from './benchmark.ts'
import { drawChart } from './chart.ts'
import { workingTree } from './checkout.ts'
import { engineRows } from './engine-rows.ts'
import { formatBudgets, isWithin } from './console/budgets.ts'
import type { ConsoleOptions } from './console/budgets.ts'
import { runConsole } from './console/run-console.ts'
import { createGenerator } from './generator.ts'
import { profileRow } from './profile.ts'
import { removeOnExit } from './remove-on-exit.ts'
import { formatReport } from './report.ts'
import { rows } from './rows.ts'
import { formatScale, drawScale } from './scale/scale-report.ts'
import { runScale } from './scale/run-scale.ts'
import { drawSoak, formatSoak, isSteady } from './soak/soak-report.ts'
import { runSoak } from './soak/run-soak.ts'
import { measureStarts } from './start.ts'

const resultsDirectory = join(import.meta.dirname, 'results')

await runProgram(usage, (args) => run(parseArguments(args, { rows, engineRows })))

/** Returns whether every row was measured without an error and, with --against, none is worse. */
async function run({
  against,
  start,
  scale,
  soak,
  console: traces,
  profile,
  engines,
  rows: selected,
  settings,
}: Arguments): Promise<boolean> {
  const directory = createDirectory()
  if (start) return printStarts(against, settings.rounds, directory)
  if (traces !== undefined) return measureConsole({ traces, rounds: settings.rounds, directory, progress })
  const generator = createGenerator({ connections: settings.connections, directory })
  const common = { rows: selected, settings, generator, directory, progress }
  if (scale !== undefined) return measureScale({ ...common, rows: scale })
  if (soak !== undefined) return measureSoak({ ...common, seconds: soak })
  if (against !== undefined) return compareWith(against, common)
  if (profile !== undefined) {
    print(await profileRow(profile, { generator, directory, seconds: settings.seconds }))
    return true
  }
  const report = await runBenchmark({ ...common, engines })
  print(formatReport(report))
  save('latest.json', `${JSON.stringify(report, null, 2)}\n`)
  save('latest.svg', drawChart(report))
  return report.rows.every(({ errors }) => errors === 0)
}

async function printStarts(revision: string | undefined, rounds: number, directory: string): Promise<true> {
  const base =
    revision === undefined ? undefined : await checkOutBase(workingTree.directory, revision, progress)
  try {
    print(await measureStarts({ rounds, base, directory, progress }))
  } finally {
    base?.remove()
  }
  return true
}

async function measureScale(options: ScaleOptions): Promise<boolean> {
  const report = await runScale(options)
  print(formatScale(report))
  save('scale.json', `${JSON.stringify(report, null, 2)}\n`)
  save('scale.svg', drawScale(report))
  return report.results.every(({ errors }) => errors === 0)
}

async function measureSoak(options: SoakOptions): Promise<boolean> {
  const report = await runSoak(options)
  print(formatSoak(report))
  save('soak.json', `${JSON.stringify(report, null, 2)}\n`)
  save('soak.svg', drawSoak(report))
  return isSteady(report)
}

/** Returns whether each figure is within its budget. */
async function measureConsole(options: ConsoleOptions): Promise<boolean> {
  const budgets = await runConsole(options)
  print(formatBudgets(budgets))
  save('console.json', `${JSON.stringify(budgets, null, 2)}\n`)
  return budgets.every(isWithin)
}

async function compareWith(
  revision: string,
  options: Omit<Parameters<typeof runAgainst>[0], 'revision' | 'knownRows'>,
): Promise<boolean> {
  const knownRows = [...rows, ...engineRows].map(({ name }) => name)
  const report = await runAgainst({ ...options, revision, knownRows })
  print(formatComparison(report))
  save('against.json', `${JSON.stringify(report, null, 2)}\n`)
  return hasPassed(report)
}

/** Below `data`, which Git ignores: the system's temporary directory may be in memory, where durability costs nothing. */
function createDirectory(): string {
  const data = join(workingTree.directory, 'data')
  mkdirSync(data, { recursive: true })
  const path = mkdtempSync(join(data, 'bench-'))
  removeOnExit(path)
  // Servers, generators, databases and the worktree of --against are removed by handlers of `exit`, which a signal alone does not run.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  return path
}

function save(name: string, content: string): void {
  mkdirSync(resultsDirectory, { recursive: true })
  writeFileSync(join(resultsDirectory, name), content)
}

function progress(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
