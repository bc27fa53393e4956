import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEvaluator } from '../src/charts/evaluate.ts'
import type { Row } from '../src/charts/evaluate.ts'
import type { Chart, Query } from '../src/charts/queries.ts'
import { linesMax, seriesOf } from '../src/charts/series-of.ts'
import { createTracker } from '../src/scraping/tracker.ts'
import { keptMetrics } from '../src/scraping/kept-metrics.ts'

const chart = (query: Query): Chart => ({
  ...{ name: 'one', title: 'One', description: 'One.', group: 'Overview', unit: 'per second' },
  ...query,
})
const hits = chart({ kind: 'rate', metric: 'hits_total', by: ['service', 'route'] })

function valuesOf(query: Query, samples: Readonly<Record<string, number>>) {
  return Object.fromEntries(
    createEvaluator(query).valuesOf([
      { at: 0, service: 'guid', samples: { scraped_seconds_total: 10, ...samples } },
    ]),
  )
}

test('A rate is the increase in the seconds that were scraped, summed over what the lines do not distinguish', () => {
  const samples = { 'hits_total{route="/a",status="200"}': 30, 'hits_total{route="/a",status="500"}': 10 }
  assert.deepEqual(valuesOf(hits, samples), { 'guid /a': 4 })
  assert.deepEqual(valuesOf(hits, { 'hits_total{status="404"}': 10 }), { 'guid (none)': 1 })
  assert.deepEqual(valuesOf(hits, { ...samples, scraped_seconds_total: 0 }), {})
})

test('A share is that of what is selected, 0 where none of all is, and null where there is nothing', () => {
  const errors: Query = {
    ...{ kind: 'ratio', metric: 'hits_total', by: ['service'] },
    ...{ where: [['status', '=~', '5..']], over: { metric: 'hits_total' } },
  }
  assert.deepEqual(valuesOf(errors, { 'hits_total{status="200"}': 30, 'hits_total{status="503"}': 10 }), {
    guid: 0.25,
  })
  assert.deepEqual(valuesOf(errors, { 'hits_total{status="200"}': 30 }), { guid: 0 })
  assert.deepEqual(valuesOf(errors, { 'hits_total{status="200"}': 0 }), { guid: null })
})

test('A selection is by equality and by whole matches, and of labels that are absent too', () => {
  const samples = { 'hits_total{status="500"}': 10, 'hits_total{status="5000"}': 20, hits_total: 40 }
  const rateOf = (...where: NonNullable<Query['where']>) =>
    valuesOf({ kind: 'rate', metric: 'hits_total', by: ['service'], where }, samples).guid
  assert.equal(rateOf(['status', '=', '500']), 1)
  assert.equal(rateOf(['status', '!=', '500']), 6)
  assert.equal(rateOf(['status', '=~', '5..']), 1)
  assert.equal(rateOf(['status', '!~', '5..']), 6)
  assert.equal(rateOf(['status', '=', '']), 4)
  assert.equal(rateOf(['status', '=~', '|5..'], ['service', '=', 'guid']), 5)
})

test('A value is summed or the largest, as its chart has it', () => {
  const gauge = (aggregate: 'sum' | 'max'): Query => ({
    kind: 'gauge',
    aggregate,
    metric: 'depth',
    by: ['service'],
  })
  const samples = { 'depth{queue="a"}': 3, 'depth{queue="b"}': 4 }
  assert.deepEqual(valuesOf(gauge('sum'), samples), { guid: 7 })
  assert.deepEqual(valuesOf(gauge('max'), samples), { guid: 4 })
})

test('A quantile lies within its bucket as that of Prometheus, on the last bound for what is above it, and nowhere without observations', () => {
  const quantile = (part: number): Query => ({
    kind: 'quantile',
    quantile: part,
    metric: 's_bucket',
    by: ['service'],
  })
  const samples = {
    's_bucket{gt="0",le="0.5"}': 50,
    's_bucket{gt="0.5",le="1"}': 30,
    's_bucket{gt="1",le="+Inf"}': 20,
  }
  assert.equal(valuesOf(quantile(0.25), samples).guid, 0.25)
  assert.equal(valuesOf(quantile(0.5), samples).guid, 0.5)
  assert.equal(valuesOf(quantile(0.65), samples).guid, 0.75)
  assert.equal(valuesOf(quantile(0.95), samples).guid, 1)
  assert.equal(valuesOf(quantile(0.95), { 's_bucket{gt="1",le="+Inf"}': 0 }).guid, null)
})

test('A series has a value for each step: null without a row, and 0 for a counter that has not grown', async () => {
  const row = (at: number, count?: number): Row => ({
    at,
    service: 'guid',
    samples: { scraped_seconds_total: 10, ...(count !== undefined && { 'hits_total{route="/a"}': count }) },
  })
  const series = await seriesOf(hits, [row(0, 10), row(10_000), row(40_000, 30)], {
    ...{ from: 3_000, to: 40_000, stepMs: 10_000, isOfOne: true },
    counters: () => ['hits_total{route="/never"}', 'misses_total'],
  })
  assert.deepEqual(series, {
    at: [0, 10_000, 20_000, 30_000, 40_000],
    lines: [
      { label: '/a', values: [1, 0, null, null, 3] },
      { label: '/never', values: [0, 0, null, null, 0] },
    ],
    leftOut: 0,
  })
})

test('Rates over a reset and a gap are those of what has happened', async () => {
  const tracker = createTracker({ kept: keptMetrics([hits]) })
  const rows: Row[] = []
  const scrape = (at: number, count: number, seconds?: number) => {
    const samples = tracker.read(`hits_total{route="/a"} ${count}`, seconds) ?? []
    rows.push({ at, service: 'guid', samples: Object.fromEntries(samples) })
  }
  scrape(0, 1_000)
  scrape(10_000, 1_020, 10)
  // The process has started again.
  scrape(20_000, 5, 10)
  // Then it did not respond for a while.
  scrape(60_000, 45, 40)
  const { lines } = await seriesOf(hits, rows, {
    ...{ from: 0, to: 60_000, stepMs: 10_000, isOfOne: true, counters: () => [] },
  })
  assert.deepEqual(lines, [{ label: '/a', values: [null, 2, 0.5, null, null, null, 1] }])
})

test('Of many lines those with the largest values are given, with the number of the others', async () => {
  const samples = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`hits_total{route="/${i}"}`, i * 10]),
  )
  const rows = [{ at: 0, service: 'guid', samples: { scraped_seconds_total: 10, ...samples } }]
  const { lines, leftOut } = await seriesOf(hits, rows, {
    ...{ from: 0, to: 1, stepMs: 10_000, isOfOne: false, counters: () => [] },
  })
  assert.equal(lines.length, linesMax)
  assert.equal(leftOut, 10)
  assert.deepEqual(
    lines.filter(({ label }) => label === 'guid /9' || label === 'guid /10'),
    [{ label: 'guid /10', values: [10] }],
  )
})
