import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRecoveryArguments } from '../recovery-arguments.ts'

const parse = (...args: string[]) => parseRecoveryArguments(args, ['postgres', 'redis'])

test('Without arguments all engines and faults are measured, and any recovery will do', () => {
  const { engines, faults, seconds, maxMs } = parse()
  assert.deepEqual(engines, ['postgres', 'redis'])
  assert.ok(faults.includes('kill') && faults.includes('full'))
  assert.deepEqual([seconds, maxMs], [[1, 10, 30], Number.POSITIVE_INFINITY])
})

test('Lists are separated by commas', () => {
  const { engines, faults, seconds, maxMs } = parse(
    ...['--engines', 'redis', '--faults', 'kill,stop', '--seconds', '0.5,2', '--max-ms', '1000'],
  )
  assert.deepEqual([engines, faults, seconds, maxMs], [['redis'], ['kill', 'stop'], [0.5, 2], 1_000])
})

for (const [option, values, message] of [
  ['--max-ms', ['', '0', '-1', 'x', 'Infinity', '1e3', '1s', '99999999'], /^--max-ms must be greater than 0/],
  ['--seconds', ['', '0', '1,', '1,x', '-1', '3601'], /^--seconds must be greater than 0/],
  ['--faults', ['', 'kil', 'kill,', 'kill stop'], /^--faults: there is no "[^"]*"; there are kill, stop,/],
  [
    '--engines',
    ['', 'postgress', 'redis,', 'toString'],
    /^--engines: there is no "[^"]*"; there are postgres,/,
  ],
] as const)
  test(`${option} is refused with what it may be where it is none of that`, () => {
    for (const value of values) assert.throws(() => parse(`${option}=${value}`), { message })
    assert.throws(() => parse(option), /argument missing/)
  })

test('Other options and arguments are refused', () => {
  assert.throws(() => parse('--fast'), /Unknown option '--fast'/)
  assert.throws(() => parse('postgres'), /Unexpected argument 'postgres'/)
})
