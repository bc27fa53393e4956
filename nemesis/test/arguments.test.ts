import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { parseArguments } from '../run/arguments.ts'
import type { Scenario } from '../scenarios/scenario.ts'

const scenario = (name: string, engines: Scenario['engines'] = []): Scenario => ({
  name,
  summary: '',
  engines,
  start: () => Promise.reject(new Error('It is not started.')),
})
const all = [scenario('one'), scenario('two', ['redis'])]
const parse = (...args: string[]) => parseArguments(args, all, (engine) => engine !== 'redis')

test('Scenarios whose engines are not installed are left out by name, unless they are required', () => {
  const { scenarios, leftOut } = parse()
  assert.deepEqual(
    scenarios.map(({ name }) => name),
    ['one'],
  )
  assert.deepEqual(
    leftOut.map(({ name, missing }) => [name, ...missing]),
    [['two', 'redis']],
  )
  assert.throws(() => parse('--all'), /two needs redis: run npm run backends -- up --native redis/)
  assert.throws(() => parse('--scenario', 'one,two'), /two needs redis/)
})

test('A scenario that is named twice is run once', () => {
  assert.deepEqual(parse('--scenario', 'one,one').scenarios, [all[0]])
})

test('Wrong arguments are refused with a sentence, the usage and the exit code 1', () => {
  assert.throws(
    () => parse('--scenario', 'three'),
    /^Error: No scenario is called "three"; there are: one, two\.$/,
  )
  for (const minutes of ['0', '-1', '1e9', '100000', 'many', ''])
    assert.throws(() => parse(`--minutes=${minutes}`), /^Error: --minutes must be a number greater than 0/)
  assert.throws(() => parse('--seed', ''), /--seed must not be empty/)
  assert.throws(() => parse('--keep', ''), /--keep must name a folder/)
  assert.throws(() => parse('one'), /Unexpected argument 'one'/)
  const { status, stderr, stdout } = spawnSync(process.execPath, ['nemesis/run.ts', '--hours', '1'], {
    encoding: 'utf8',
    cwd: new URL('../..', import.meta.url),
  })
  assert.match(stderr, /^Unknown option '--hours'[\s\S]*^Usage: npm run nemesis/m)
  assert.equal(stdout, '')
  assert.equal(status, 1)
})
