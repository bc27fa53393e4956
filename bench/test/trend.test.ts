import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trendOf } from '../soak/trend.ts'

/** Repeatable noise between -1 and 1. */
const noise = (i: number) => Math.sin(i * 12.9898) * Math.cos(i * 78.233)
const series = (valueAt: (share: number) => number, level: number) =>
  Array.from({ length: 200 }, (_, i) => valueAt(i / 200) + level * noise(i))

test('Values that only vary are flat, and a change is found in their noise with its size', () => {
  assert.equal(trendOf(series(() => 100, 5)).verdict, 'flat')
  const growing = trendOf(series((share) => 100 + 40 * share, 5))
  assert.equal(growing.verdict, 'grows')
  assert.ok(growing.low < 40 / 120 && 40 / 120 < growing.high)
  assert.equal(trendOf(series((share) => 100 - 40 * share, 5)).verdict, 'falls')
})

test('No value is left out, however many there are', () => {
  for (let count = 20; count < 40; count++) {
    const values = Array.from({ length: count }, (_, i) => (i === count - 1 ? 1_000 : 1))
    assert.ok(trendOf(values).change > 1, String(count))
  }
})

test('Values that vary too much to decide are unclear, and constant ones are flat', () => {
  assert.equal(trendOf(series((share) => (share > 0.4 && share < 0.5 ? 400 : 100), 90)).verdict, 'unclear')
  assert.equal(trendOf(series(() => 7, 0)).verdict, 'flat')
  assert.equal(trendOf(series(() => 0, 0)).verdict, 'flat')
})
