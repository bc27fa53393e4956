import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Query } from '../src/charts/queries.ts'
import { kept as allKept } from '../src/figures.ts'
import { isIncrease, keptMetrics } from '../src/scraping/kept-metrics.ts'
import { createTracker } from '../src/scraping/tracker.ts'

const queries: readonly Query[] = [
  { kind: 'rate', metric: 'hits_total', by: ['service', 'route'] },
  {
    kind: 'ratio',
    metric: 'hits_total',
    where: [['status', '=', '500']],
    over: { metric: 'hits_total' },
    by: [],
  },
  { kind: 'quantile', quantile: 0.95, metric: 'seconds_bucket', by: ['route'] },
  { kind: 'gauge', aggregate: 'max', metric: 'depth', by: ['queue'] },
  { kind: 'gauge', aggregate: 'sum', metric: 'active', by: ['service'] },
]

function trackerOf(options: { valuesMax?: number; seriesMax?: number } = {}) {
  const tracker = createTracker({ kept: keptMetrics(queries), ...options })
  return {
    ...tracker,
    read: (text: string, seconds?: number) => Object.fromEntries(tracker.read(text, seconds) ?? []),
  }
}

test('A counter is kept as its increases: none of the first scrape, what is new of a series, and all of one that was reset', () => {
  const { read } = trackerOf()
  assert.deepEqual(read('hits_total{route="/a",status="200"} 100'), { scraped_seconds_total: 0 })
  assert.deepEqual(read('hits_total{route="/a",status="200"} 130', 10), {
    'hits_total{route="/a",status="200"}': 30,
    scraped_seconds_total: 10,
  })
  const withNew = 'hits_total{route="/a",status="200"} 130\nhits_total{route="/a",status="500"} 2'
  assert.deepEqual(read(withNew, 10), { 'hits_total{route="/a",status="500"}': 2, scraped_seconds_total: 10 })
  assert.deepEqual(read('hits_total{route="/a",status="200"} 7', 20), {
    'hits_total{route="/a",status="200"}': 7,
    scraped_seconds_total: 20,
  })
})

test('After a gap that says nothing about its time, counters begin anew', () => {
  const { read } = trackerOf()
  read('hits_total{route="/a",status="200"} 1')
  assert.deepEqual(read('hits_total{route="/a",status="200"} 900\nhits_total{route="/b",status="200"} 5'), {
    scraped_seconds_total: 0,
  })
  assert.deepEqual(read('hits_total{route="/a",status="200"} 903', 10), {
    'hits_total{route="/a",status="200"}': 3,
    scraped_seconds_total: 10,
  })
})

test('Samples that differ only in labels which nothing needs become one: counters and shares summed, what all workers see once', () => {
  const { read } = trackerOf()
  const text = (hits: number) =>
    [
      `hits_total{route="/a",status="200",worker="1"} ${hits}`,
      `hits_total{route="/a",status="200",worker="2"} ${hits}`,
      'depth{queue="q",worker="1"} 3',
      'depth{queue="q",worker="2"} 4',
      'active{worker="1"} 3',
      'active{worker="2"} 4',
      'depth{queue="broken"} NaN',
      'unneeded 5',
    ].join('\n')
  read(text(1))
  assert.deepEqual(read(text(3), 10), {
    'hits_total{route="/a",status="200"}': 4,
    'depth{queue="q"}': 4,
    active: 7,
    scraped_seconds_total: 10,
  })
})

test('Buckets are kept apart from those below them, and only those that have grown', () => {
  const { read } = trackerOf()
  const text = (counts: readonly number[]) =>
    ['0.1', '0.5', '1.0', '+Inf']
      .map((le, i) => `seconds_bucket{le="${le}",route="/a"} ${counts[i]}`)
      .join('\n')
  read(text([1, 1, 1, 1]))
  assert.deepEqual(read(text([3, 3, 7, 8]), 10), {
    'seconds_bucket{route="/a",gt="0",le="0.1"}': 2,
    'seconds_bucket{route="/a",gt="0.5",le="1"}': 4,
    'seconds_bucket{route="/a",gt="1",le="+Inf"}': 1,
    scraped_seconds_total: 10,
  })
})

test('Of the values of a label only so many are kept, and all others are one', () => {
  const { read, counters } = trackerOf({ valuesMax: 2 })
  const text = (count: number) =>
    ['a', 'b', 'c', 'd'].map((route) => `hits_total{route="${route}",status="200"} ${count}`).join('\n')
  read(text(0))
  assert.deepEqual(read(text(1), 10), {
    'hits_total{route="a",status="200"}': 1,
    'hits_total{route="b",status="200"}': 1,
    'hits_total{route="other",status="200"}': 2,
    scraped_seconds_total: 10,
  })
  assert.equal([...counters()].length, 3)
})

test('Of the series of a target only so many are read, and it says so', () => {
  const { read, isFull } = trackerOf({ seriesMax: 3 })
  const text = (count: number) =>
    ['a', 'b', 'c', 'd'].map((route) => `hits_total{route="${route}",status="200"} ${count}`).join('\n')
  read(text(0))
  assert.ok(isFull())
  assert.equal(Object.keys(read(text(1), 10)).length, 4)
})

test('A series with a very long label is left out', () => {
  const { read } = trackerOf()
  assert.deepEqual(read(`depth{queue="${'x'.repeat(5_000)}"} 1\nactive 1`), {
    active: 1,
    scraped_seconds_total: 0,
  })
})

test('A text without anything that is needed has no row', () => {
  const { read } = trackerOf()
  assert.deepEqual(read('unneeded 1', 10), {})
})

test('What is kept is a counter or a value by its name, as whoever reads it later sees', () => {
  for (const [metric, { kind }] of allKept) assert.equal(isIncrease(metric), kind === 'counter', metric)
})
