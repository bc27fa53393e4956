import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { storeCompiledModules } from '../chassis/src/compile-cache/index.ts'

/**
 * Runs the tests of the repository with Node's test runner: all but the slow proofs, or, for `guarantees`, these alone.
 * With `--coverage` it also prints the coverage of each folder. Further options go to the test runner.
 */

const groups = {
  fast: [
    '{backends,bench,chassis,clients,contracts,nemesis,services/*}/test/**/*.test.ts',
    'test/*.test.ts',
    'test/system/**/*.test.ts',
  ],
  guarantees: ['test/{guarantees,slow}/**/*.test.ts'],
}

const { values, positionals, tokens } = parseArgs({
  options: { coverage: { type: 'boolean', default: false } },
  allowPositionals: true,
  strict: false,
  tokens: true,
})
const [group = 'fast'] = positionals
if (group !== 'fast' && group !== 'guarantees') throw new Error(`There is no group of tests "${group}".`)
const forwarded = tokens.flatMap((token) =>
  token.kind === 'option' && token.name !== 'coverage'
    ? [token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`]
    : [],
)

const coverageOptions = [
  '--experimental-test-coverage',
  '--test-coverage-include={chassis,contracts,services/*}/src/**',
  '--test-coverage-include={cli/**,*.ts}',
  '--test-reporter=./test/coverage-reporter.ts',
  '--test-reporter-destination=stdout',
]
// Functions loaded from the compile cache would be missing in the coverage.
if (values.coverage !== true) storeCompiledModules(process.env)
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    // One file per core; the test runner's own default leaves a core idle.
    `--test-concurrency=${availableParallelism()}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    ...(values.coverage === true ? coverageOptions : []),
    ...forwarded,
    ...groups[group],
  ],
  { stdio: 'inherit' },
)
process.exitCode = status ?? 1
