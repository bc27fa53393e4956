import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openTelemetryFile } from '@quintet/chassis/telemetry/file'
import { createManualClock } from './manual-clock.ts'
import { temporaryFolder } from './temporary-folder.ts'

const [second, hour, day] = [1_000, 3_600_000, 86_400_000]
const begin = Date.UTC(2026, 0, 1)

function world(t: TestContext, path = ':memory:') {
  const clock = createManualClock(begin)
  const file = openTelemetryFile(path, { bytesMax: 20_000_000, now: clock.now })
  t.after(() => file.close())
  return { clock, file }
}

test('Samples are read by name, service and time, in the rows of the steps that are asked for', (t) => {
  const { file } = world(t)
  for (let i = 0; i < 12; i += 1) {
    file.addSamples(begin + i * 10 * second, 'guid', { http_requests_total: i, load: i, other: Number.NaN })
    file.addSamples(begin + i * 10 * second + 500, 'billing', { load: 7 })
  }
  const range = { from: begin, to: begin + hour }
  const tens = file.series({ ...range, service: 'guid', names: ['load'], stepMs: 10 * second })
  assert.deepEqual(
    tens.map(({ at, samples }) => [(at - begin) / second, samples.load]),
    Array.from({ length: 12 }, (_, i) => [i * 10, i]),
  )
  const minutes = file.series({ ...range, stepMs: 60 * second })
  assert.deepEqual(minutes, [
    { at: begin, service: 'billing', samples: { load: 7 } },
    { at: begin, service: 'guid', samples: { http_requests_total: 15, load: 2.5 } },
    { at: begin + 60 * second, service: 'billing', samples: { load: 7 } },
    { at: begin + 60 * second, service: 'guid', samples: { http_requests_total: 51, load: 8.5 } },
  ])
  const halves = file.series({ ...range, service: 'guid', names: ['load'], stepMs: 30 * second })
  assert.deepEqual(
    halves.map(({ samples }) => samples.load),
    [1, 4, 7, 10],
  )
})

test('Increases of counters are summed, also where some rows have none, and a metric stands for its series', (t) => {
  const { file } = world(t)
  const [a, b] = ['hits_total{route="/a"}', 'hits_total{route="/b"}']
  const rows = [{ [a]: 1, other: 1 }, { [b]: 2 }, { [a]: 3, hits_totals: 1 }, {}]
  for (const [i, samples] of rows.entries()) file.addSamples(begin + i * 10 * second, 'guid', samples)
  const range = { from: begin, to: begin + hour, names: ['hits_total'] }
  const samplesOf = (stepMs: number) => file.series({ ...range, stepMs }).map(({ samples }) => samples)
  assert.deepEqual(samplesOf(20 * second), [{ [a]: 1, [b]: 2 }, { [a]: 3 }])
  for (const stepMs of [60 * second, 600 * second, hour])
    assert.deepEqual(samplesOf(stepMs), [{ [a]: 4, [b]: 2 }])
})

test('Rows of ten seconds are kept for six hours, of a minute for three days, and of ten minutes for thirty', (t) => {
  const { clock, file } = world(t)
  const add = () => file.addSamples(clock.now(), 'guid', { load: 1 })
  const countOf = (stepMs: number, from: number) => file.series({ from, to: clock.now(), stepMs }).length
  add()
  clock.advance(7 * hour)
  add()
  assert.equal(countOf(10 * second, clock.now() - 5 * hour), 1, 'the first is older than six hours')
  assert.equal(countOf(10 * second, begin), 2, 'what is older is in rows of a minute')
  clock.set(begin + 4 * day)
  add()
  assert.equal(countOf(60 * second, clock.now() - 2 * day), 1)
  assert.equal(countOf(10 * second, begin), 3, 'and what is older than that in rows of ten minutes')
  clock.set(begin + 31 * day)
  add()
  assert.equal(countOf(600 * second, begin), 2)
})

test('Samples, events and actions that one program has written another one reads, and they outlive both', (t) => {
  const path = join(temporaryFolder(t), 'telemetry.db')
  const [one, other] = [world(t, path), world(t, path)]
  one.file.addSamples(begin, 'guid', { load: 1 })
  other.file.addSamples(begin, 'billing', { depth: 2 })
  assert.deepEqual(
    one.file.series({ from: begin, to: begin, stepMs: 10 * second }).map(({ samples }) => samples),
    [{ depth: 2 }, { load: 1 }],
  )
  const event = { at: begin, kind: 'start', service: 'guid', text: 'guid has started' }
  one.file.addEvent(event)
  const action = { at: begin, who: 'ada', what: 'stop', on: 'guid', outcome: 'stopped', succeeded: true }
  other.file.addAction(action)
  other.file.addAction({ ...action, succeeded: false })
  const third = world(t, path).file
  assert.deepEqual(third.events({ from: begin - 1, to: begin }), [event])
  assert.deepEqual(third.events({ from: begin + 1, to: begin + 2 }), [])
  const [newest] = third.actions({ limit: 1, before: undefined })
  assert.deepEqual(newest, { id: 2, ...action, succeeded: false })
  assert.deepEqual(third.actions({ limit: 9, before: 2 }), [{ id: 1, ...action }])
})

test('Only so many names are kept, and the samples of any more are left out', (t) => {
  const { file } = world(t)
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`name_${i}`, i]))
  file.addSamples(begin, 'guid', many)
  file.addSamples(begin + 10 * second, 'guid', { name_0: 1, name_4999: 1 })
  const [first, second_] = file.series({ from: begin, to: begin + hour, stepMs: 10 * second })
  assert.equal(Object.keys(first?.samples ?? {}).length, 4_096)
  assert.deepEqual(second_?.samples, { name_0: 1 })
})
