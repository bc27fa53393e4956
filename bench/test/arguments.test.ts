import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArguments } from '../arguments.ts'
import type { Row } from '../rows.ts'

const row = (name: string): Row => ({ name, processes: [], workload: { requests: [] } })
const all = { rows: [row('guid GET'), row('guid GET uncached')], engineRows: [row('guid on an engine')] }
const parse = (...args: string[]) => parseArguments(args, all)
const namesOf = (...args: string[]) => parse(...args).rows.map(({ name }) => name)

test('Without arguments all rows are measured, but those of engines only with --engines', () => {
  assert.deepEqual(namesOf(), ['guid GET', 'guid GET uncached'])
  assert.deepEqual(namesOf('--engines'), ['guid GET', 'guid GET uncached', 'guid on an engine'])
})

test('--only takes whole names, and parts of names', () => {
  assert.deepEqual(namesOf('--only', 'guid GET'), ['guid GET'])
  assert.deepEqual(namesOf('--only', 'uncached'), ['guid GET uncached'])
  assert.deepEqual(namesOf('--only', 'guid'), ['guid GET', 'guid GET uncached'])
  assert.throws(() => parse('--only', 'movie'), /No row is called "movie"; there are: guid GET, /)
})

test('--console has 250 thousand traces, or as many as --rows', () => {
  assert.equal(parse().console, undefined)
  assert.equal(parse('--console').console, 250_000)
  assert.equal(parse('--console', '--rows', '20k').console, 20_000)
  assert.throws(() => parse('--console', '--soak', '20m'), /exclude each other/)
})

test('--against has defaults of its own, which the same options change', () => {
  assert.deepEqual(parse().settings, { rounds: 3, seconds: 5, connections: 32 })
  assert.deepEqual(parse('--against', 'HEAD').settings, { rounds: 8, seconds: 2, connections: 32 })
  assert.equal(parse('--against', 'HEAD').against, 'HEAD')
  const { settings } = parse('--against', 'HEAD', '--rounds', '4', '--seconds', '6', '--connections', '8')
  assert.deepEqual(settings, { rounds: 4, seconds: 6, connections: 8 })
})

test('--scale has steps of rows up to the largest number, and --soak a duration', () => {
  assert.deepEqual(parse('--scale').scale, [10_000, 1_000_000])
  assert.deepEqual(parse('--scale', '--rows', '10m').scale, [10_000, 1_000_000, 10_000_000])
  assert.deepEqual(parse('--scale', '--rows', '50k').scale, [10_000, 50_000])
  assert.equal(parse('--soak', '20m').soak, 1_200)
  assert.equal(parse().scale ?? parse().soak, undefined)
})

test('Bad values and combinations are refused with a sentence', () => {
  for (const value of ['0', '1.5', 'many', ''])
    assert.throws(() => parse('--rounds', value), /^Error: --rounds must be a whole number from 1 up\.$/)
  assert.throws(
    () => parse('--against', 'HEAD', '--rounds', '1'),
    /--rounds must be at least 2 with --against/,
  )
  assert.throws(() => parse('--against', 'HEAD', '--profile', 'guid GET'), /exclude each other/)
  assert.throws(() => parse('--start', '--profile', 'guid GET'), /exclude each other/)
  assert.throws(() => parse('--scale', '--soak', '2m'), /^Error: --scale and --soak exclude each other\.$/)
  for (const rows of ['10k', '1', 'many', '1g'])
    assert.throws(() => parse('--scale', '--rows', rows), /--rows must be a number above 10000/)
  assert.throws(() => parse('--rows', '1m'), /--rows needs --scale/)
  for (const duration of ['20', '59s', '0m', 'long'])
    assert.throws(() => parse('--soak', duration), /--soak must be a duration from 60s up/)
  assert.throws(() => parse('--against'), /argument missing/)
  assert.throws(() => parse('--fast'), /Unknown option/)
  assert.throws(() => parse('guid'), /Unexpected argument/)
})

test('Counts are decimal digits', () => {
  for (const flag of ['rounds', 'seconds', 'connections'])
    for (const value of ['0', '1e1', '0x10', '1.0', '', ' 1'])
      assert.throws(() => parse(`--${flag}=${value}`), new RegExp(`--${flag} must be a whole number`))
})
