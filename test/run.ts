import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { runProgram, UsageError } from '@quintet/backends/command-line'
import { storeCompiledModules } from '../chassis/src/compile-cache/index.ts'
import { printCoverage } from './coverage.ts'

/**
 * Runs the tests of the repository with Node's test runner: all but the slow ones and those that need engines, or, for
 * `guarantees`, the slow ones alone. With `--coverage` it also prints the coverage of each folder. Further options go to the test runner.
 */

const groups = {
  fast: [
    '{backends,bench,chassis,clients,console,contracts,nemesis,services/*}/test/!(*.engines).test.ts',
    'test/!(*.engines).test.ts',
  ],
  guarantees: [
    '{.,bench,chassis,nemesis,services/*}/test/{guarantees,slow,differential,system}/!(*.engines).test.ts',
  ],
}

type Group = keyof typeof groups

/** So many files of a folder share a process: to start one and load what a service imports takes longer than most files. */
const filesPerProcess = 16

/** These examine or change their whole process. */
const alone = new Set(['services/gateway/test/header-fields.test.ts'])

/** Files also wait, so there is one more than cores, but for the slow ones, which measure times; the test runner's own default leaves a core idle. */
const concurrency = { fast: availableParallelism() + 1, guarantees: availableParallelism() }

const usage = `Usage: npm test -- [group] [options]

  --coverage           print the coverage of each folder as well
  --test-…             options of Node's test runner, such as --test-name-pattern='A GUID'

Groups: ${Object.keys(groups).join(', ')}`

await runProgram(usage, async (args) => {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: { coverage: { type: 'boolean', default: false } },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const [group = 'fast', ...rest] = positionals
  const given = tokens.flatMap((token) =>
    token.kind === 'option' && token.name !== 'coverage' ? [token] : [],
  )
  const unknown = given.filter(({ name }) => !name.startsWith('test-')).map(({ rawName }) => rawName)
  const faults = [
    ...(isGroup(group) ? [] : [`There is no group of tests "${group}".`]),
    ...(rest.length > 0 ? [`Only one group is run at a time, so "${rest.join(' ')}" is too much.`] : []),
    ...(unknown.length > 0 ? [`There is no option ${unknown.join(' and ')}.`] : []),
  ]
  if (!isGroup(group) || faults.length > 0) throw new UsageError(faults.join('\n'))
  const forwarded = given.map(({ rawName, value }) => (value === undefined ? rawName : `${rawName}=${value}`))
  return runTests(group, forwarded, values.coverage === true)
})

function isGroup(name: string): name is Group {
  return Object.hasOwn(groups, name)
}

/** Whether all files of a group have passed, run with these options of the test runner. */
function runTests(group: Group, options: readonly string[], isCovered: boolean): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-tests-'))
  try {
    const profiles = isCovered ? join(folder, 'coverage') : undefined
    // Functions loaded from the compile cache would be missing in the coverage.
    if (profiles === undefined) storeCompiledModules(process.env)
    const { status } = spawnSync(
      process.execPath,
      [
        '--test',
        `--test-concurrency=${concurrency[group]}`,
        // For each test and each process, so that a hanging one ends with its name.
        '--test-timeout=600000',
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        ...options,
        ...(group === 'fast' ? sharedProcesses(globSync(groups.fast), folder) : groups[group]),
      ],
      { stdio: 'inherit', env: { ...process.env, NODE_V8_COVERAGE: profiles } },
    )
    if (profiles !== undefined) printCoverage(profiles)
    return status === 0
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * Files for the test runner, which starts a process for each: each imports several test files of one folder, but for those that are
 * alone. The folders with the most files come first, so that no long process is left for the end.
 */
function sharedProcesses(files: readonly string[], folder: string): string[] {
  const byFolder = Map.groupBy(
    files.filter((file) => !alone.has(file)),
    dirname,
  )
  const largestFirst = [...byFolder].sort(([, one], [, other]) => other.length - one.length)
  const shared = largestFirst.flatMap(([name, members], place) => {
    const count = Math.ceil(members.length / filesPerProcess)
    return Array.from({ length: count }, (_, index) => {
      const own = members.filter((_member, at) => at % count === index)
      const imports = own.map(
        (file) => `await import(${JSON.stringify(pathToFileURL(resolve(file)).href)})\n`,
      )
      // The test runner sorts the names.
      const order = String(place).padStart(2, '0')
      const file = join(folder, `${order}-${name.replaceAll('/', '-')}-${index + 1}.test.mjs`)
      writeFileSync(file, imports.join(''))
      return file
    })
  })
  return [...shared, ...alone]
}
