import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseCommandLine, runProgram } from './command-line.ts'
import type { Engine } from './engine.ts'
import { engines } from './engines.ts'
import { urlOf, variableOf } from './environment.ts'

/**
 * Runs the test files that need engines, on the engines that respond: at ENGINE_<NAME> where that is set, otherwise where
 * `npm run backends -- up` starts them. An engine that does not respond is reported; with --all, or in CI, it is a failure.
 */

const root = new URL('../../', import.meta.url).pathname
const patterns = ['backends/test', 'chassis/test', 'services/*/test', 'nemesis/test', 'test'].map(
  (folder) => `${folder}/**/*.engines.test.ts`,
)

/** For each test and each file, so that a hanging one ends. */
const testTimeoutMs = 300_000

const usage = `Usage: npm run test:engines -- [options] [file…]

  --all                fail unless every engine responds; the default in CI`

await runProgram(usage, async (args) => {
  const options = { all: { type: 'boolean', default: process.env.CI === 'true' } } as const
  const { values, positionals } = parseCommandLine({ args: [...args], options, allowPositionals: true })
  const probes = await Promise.all(Object.values(engines).map(probe))
  for (const { engine, url, fault } of probes)
    print(
      `${engine.name} ${fault === undefined ? `is up: ${withoutPassword(url)}` : `is not available: ${fault}`}\n`,
    )
  const missing = probes.filter(({ fault }) => fault !== undefined).map(({ engine }) => engine.name)
  const chosen = positionals.length > 0 ? positionals : globSync(patterns, { cwd: root })
  if (chosen.length === 0) return abort('There is no test file that needs engines.')
  if (missing.length === probes.length || (values.all && missing.length > 0))
    return abort(`Start what is missing: npm run backends -- up ${missing.join(' ')}`)
  return runTests(chosen, probes)
})

type Probe = { readonly engine: Engine; readonly url: string; readonly fault: string | undefined }

async function probe(engine: Engine): Promise<Probe> {
  const url = process.env[variableOf(engine.name)] || urlOf(engine)
  const fault = await Promise.try(() => engine.ping(new URL(url))).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return { engine, url, fault }
}

function abort(reason: string): false {
  print(`No test was run. ${reason}\n`)
  return false
}

/** There must be a file, since without one Node runs all tests. */
function runTests(files: readonly string[], probes: readonly Probe[]): boolean {
  const env = { ...process.env }
  for (const { engine, url, fault } of probes) {
    if (fault === undefined) env[variableOf(engine.name)] = url
    else delete env[variableOf(engine.name)]
  }
  // One file per core; the test runner's own default leaves a core idle. A file has engines, or databases on them, of its own.
  const concurrency = `--test-concurrency=${availableParallelism()}`
  // After cut connections of the MongoDB driver Node waits for ever when it frees its environment, so each file ends by an exit.
  const options = [
    concurrency,
    `--test-timeout=${testTimeoutMs}`,
    '--test-force-exit',
    '--test-reporter=spec',
  ]
  const words = ['--test', ...options, ...files]
  return spawnSync(process.execPath, words, { cwd: root, env, stdio: 'inherit' }).status === 0
}

function withoutPassword(url: string): string {
  return url.replace(/^([^:]*:\/\/)[^@]*@/, '$1')
}

function print(text: string): void {
  process.stdout.write(text)
}
