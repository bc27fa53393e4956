import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { storeCompiledModules } from '../chassis/src/compile-cache/index.ts'
import { printCoverage } from './coverage.ts'

/**
 * Runs the tests of the repository with Node's test runner: all but the slow ones and those that need engines, or, for
 * `guarantees`, the slow ones alone. With `--coverage` it also prints the coverage of each folder. Further options go to the test runner.
 */

const groups = {
  fast: [
    '{backends,bench,chassis,clients,contracts,nemesis,services/*}/test/!(*.engines).test.ts',
    'test/{,system/}!(*.engines).test.ts',
  ],
  guarantees: [
    '{.,bench,chassis,nemesis,services/*}/test/{guarantees,slow,differential}/!(*.engines).test.ts',
  ],
}

const usage = `Usage: npm test -- [group] [options]

  --coverage           print the coverage of each folder as well
  --test-…             options of Node's test runner, such as --test-name-pattern='A GUID'

Groups: ${Object.keys(groups).join(', ')}`

const { values, positionals, tokens } = parseArgs({
  options: { coverage: { type: 'boolean', default: false } },
  allowPositionals: true,
  strict: false,
  tokens: true,
})
const [group = 'fast', ...rest] = positionals
const given = tokens.flatMap((token) => (token.kind === 'option' && token.name !== 'coverage' ? [token] : []))
const forwarded = given.map(({ rawName, value }) => (value === undefined ? rawName : `${rawName}=${value}`))
const unknown = given.filter(({ name }) => !name.startsWith('test-')).map(({ rawName }) => rawName)
const faults = [
  ...(Object.hasOwn(groups, group) ? [] : [`There is no group of tests "${group}".`]),
  ...(rest.length > 0 ? [`Only one group is run at a time, so "${rest.join(' ')}" is too much.`] : []),
  ...(unknown.length > 0 ? [`There is no option ${unknown.join(' and ')}.`] : []),
]
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n\n${usage}\n`)
  process.exit(1)
}

// Functions loaded from the compile cache would be missing in the coverage.
const profiles = values.coverage === true ? mkdtempSync(join(tmpdir(), 'quintet-coverage-')) : undefined
if (profiles === undefined) storeCompiledModules(process.env)
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    // One file per core; the test runner's own default leaves a core idle.
    `--test-concurrency=${availableParallelism()}`,
    // For each test and each file, so that a hanging one ends with its name.
    '--test-timeout=600000',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    ...forwarded,
    ...(group === 'guarantees' ? groups.guarantees : groups.fast),
  ],
  { stdio: 'inherit', env: { ...process.env, NODE_V8_COVERAGE: profiles } },
)
if (profiles !== undefined) {
  printCoverage(profiles)
  rmSync(profiles, { recursive: true })
}
process.exitCode = status ?? 1
