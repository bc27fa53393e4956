import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runBenchmark } from './benchmark.ts'
import { engineRows } from './engine-rows.ts'
import { drawChart } from './chart.ts'
import { createGenerator } from './generator.ts'
import { profileRow } from './profile.ts'
import { formatReport } from './report.ts'
import { rows, selectRows } from './rows.ts'

const projectRoot = join(import.meta.dirname, '..')
const resultsDirectory = join(import.meta.dirname, 'results')

const { engines, only, profile, ...settings } = readFlags()
const directory = createDirectory()
const generator = createGenerator({ connections: settings.connections, directory })

if (profile) print(await profileRow(profile, { generator, directory, seconds: settings.seconds }))
else if (!(await bench())) process.exitCode = 1

/** Returns whether every row was measured without an error; a missed target is not an error. */
async function bench(): Promise<boolean> {
  const progress = (sentence: string) => process.stderr.write(`${sentence}\n`)
  const report = await runBenchmark({ rows: only, engines, settings, generator, directory, progress })
  print(formatReport(report))
  mkdirSync(resultsDirectory, { recursive: true })
  writeFileSync(join(resultsDirectory, 'latest.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(resultsDirectory, 'latest.svg'), drawChart(report))
  return report.rows.every(({ errors }) => errors === 0)
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      connections: { type: 'string', default: '32' },
      engines: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      profile: { type: 'string' },
    },
  })
  const all = values.engines ? [...rows, ...engineRows] : rows
  return {
    engines: values.engines,
    rounds: toCount('rounds', values.rounds),
    seconds: toCount('seconds', values.seconds),
    connections: toCount('connections', values.connections),
    only: selectRows(all, values.only.split(',')),
    profile: values.profile === undefined ? undefined : selectRows(all, [values.profile])[0],
  }
}

function toCount(flag: string, value: string): number {
  const count = Number(value)
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${flag} must be a whole number from 1 up.`)
  return count
}

/** Below `data`, which Git ignores: the system's temporary directory may be in memory, where durability costs nothing. */
function createDirectory(): string {
  const data = join(projectRoot, 'data')
  mkdirSync(data, { recursive: true })
  const path = mkdtempSync(join(data, 'bench-'))
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
  return path
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
