import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from '../faults/fault.ts'
import { createRandom } from '../run/random.ts'
import { ofKinds, planFaults } from '../run/schedule.ts'

const targets = ['guid 1', 'guid 2', 'database'].map((target) =>
  ['kill', 'stop', 'lock'].map((name) => fault(`${target}: ${name}`, () => {})),
)
const plan = (seed: string, steps: number) =>
  [...planFaults(targets, createRandom(seed), 60_000).take(steps)].map(({ faults, ...others }) => ({
    ...others,
    names: faults.map(({ name }) => name),
  }))

test('The same seed gives the same schedule of faults, and another seed another one', () => {
  assert.deepEqual(plan('7', 50), plan('7', 50))
  assert.notDeepEqual(plan('7', 50), plan('8', 50))
})

test('Each fault is made before one is made again', () => {
  const names = plan('7', 50).flatMap((step) => step.names)
  for (let round = 0; round < 4; round++) assert.equal(new Set(names.slice(round * 9, round * 9 + 9)).size, 9)
})

test('Faults overlap at times, and never two of one target', () => {
  const together = plan('7', 200).flatMap(({ names }) => (names.length > 1 ? [names] : []))
  assert.ok(together.length > 20)
  for (const names of together)
    assert.equal(new Set(names.map((name) => name.split(':')[0])).size, names.length)
})

test('Of kinds of faults those of all targets are made; an unknown kind is refused with the names of all', () => {
  const names = ofKinds(targets, ['kill', 'lock']).map((faults) => faults.map(({ name }) => name))
  assert.deepEqual(names[0], ['guid 1: kill', 'guid 1: lock'])
  assert.deepEqual(names[2], ['database: kill', 'database: lock'])
  assert.throws(
    () => ofKinds(targets, ['kill', 'freeze']),
    /^Error: There is no fault "freeze" here, but kill, stop, lock\.$/,
  )
})

test('A schedule without faults is empty', () => {
  assert.deepEqual([...planFaults([[], []], createRandom('7'), 60_000)], [])
})

test('The numbers of a fork depend on the seed and its name alone', () => {
  const random = createRandom('7')
  const before = random.fork('client 1').hex()
  random.integer(10)
  assert.equal(random.fork('client 1').hex(), before)
  assert.notEqual(random.fork('client 2').hex(), before)
  assert.match(before, /^[0-9A-F]{32}$/)
})
