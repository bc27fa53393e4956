import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Engine } from './engine.ts'
import { engines } from './engines.ts'
import { urlOf, variableOf } from './environment.ts'

/**
 * Runs the test files that use engines, over the engines that answer: at ENGINE_<NAME> where that is set, else where
 * `npm run backends -- up` starts them. An engine that does not answer is named; with --all, or in CI, it is a failure.
 */

const root = new URL('../../', import.meta.url).pathname
const patterns = ['backends/test', 'chassis/test', 'services/*/test', 'test'].map(
  (folder) => `${folder}/**/*.engines.test.ts`,
)

/** Of a file too, so that one that waits for what never comes ends the run. */
const testWithinMs = 300_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: process.env.CI === 'true' } },
})
const looks = await Promise.all(Object.values(engines).map(look))
for (const { engine, url, fault } of looks)
  print(
    `${engine.name} ${fault === undefined ? `is up: ${withoutPassword(url)}` : `is not here: ${fault}`}\n`,
  )
const missing = looks.filter(({ fault }) => fault !== undefined).map(({ engine }) => engine.name)
const chosen = positionals.length > 0 ? positionals : globSync(patterns, { cwd: root })
if (chosen.length === 0) refuse('There is no test file that uses engines.')
else if (missing.length === looks.length || (values.all && missing.length > 0))
  refuse(`Start what is missing: npm run backends -- up ${missing.join(' ')}`)
else run(chosen)

type Look = { readonly engine: Engine; readonly url: string; readonly fault: string | undefined }

async function look(engine: Engine): Promise<Look> {
  const url = process.env[variableOf(engine.name)] || urlOf(engine)
  const fault = await Promise.try(() => engine.greet(new URL(url))).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return { engine, url, fault }
}

function refuse(reason: string): void {
  print(`No test was run. ${reason}\n`)
  process.exitCode = 1
}

/** Without a file Node would run every test there is, which is why there must be one. */
function run(files: readonly string[]): void {
  const env = { ...process.env }
  for (const { engine, url, fault } of looks) {
    if (fault === undefined) env[variableOf(engine.name)] = url
    else delete env[variableOf(engine.name)]
  }
  const words = ['--test', `--test-timeout=${testWithinMs}`, '--test-reporter=spec', ...files]
  const { status } = spawnSync(process.execPath, words, { cwd: root, env, stdio: 'inherit' })
  process.exitCode = status ?? 1
}

function withoutPassword(url: string): string {
  return url.replace(/:\/\/[^@]*@/, '://')
}

function print(text: string): void {
  process.stdout.write(text)
}
