import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ratioInterval, verdictOf } from '../against/interval.ts'

const close = (actual: number, expected: number, message?: string) =>
  assert.ok(Math.abs(actual - expected) < 1e-4, message ?? `${actual} is not ${expected}`)

const pairsOf = (ratios: number[]) => ratios.map((ratio) => ({ base: 20, current: 20 * ratio }))

test('The ratio is the geometric mean, and the interval is that of Student on the logarithms', () => {
  // Logarithms -0.1, 0, 0.1, 0.2: mean 0.05, standard deviation 0.129099, t(3) = 3.182, half width 0.205397.
  const { ratio, low, high } = ratioInterval(pairsOf([-0.1, 0, 0.1, 0.2].map(Math.exp)))
  close(ratio, Math.exp(0.05))
  close(low, Math.exp(0.05 - 0.205397))
  close(high, Math.exp(0.05 + 0.205397))
})

test('The interval of the other direction is the inverse', () => {
  const pairs = [
    { base: 10, current: 11 },
    { base: 12, current: 12.5 },
    { base: 9, current: 10.5 },
  ]
  const forward = ratioInterval(pairs)
  const backward = ratioInterval(pairs.map(({ base, current }) => ({ base: current, current: base })))
  close(backward.ratio, 1 / forward.ratio)
  close(backward.low, 1 / forward.high)
  close(backward.high, 1 / forward.low)
})

test('Pairs that agree exactly give an interval without width, and one pair gives none', () => {
  const { low, high } = ratioInterval(pairsOf([1.2, 1.2, 1.2]))
  close(low, 1.2)
  close(high, 1.2)
  assert.equal(verdictOf(ratioInterval(pairsOf([1.2])), 'lower', 0.03), 'not measured')
})

test('More than 31 pairs use the last quantile of the table', () => {
  const many = Array.from({ length: 100 }, (_, n) => Math.exp(n % 2 === 0 ? 0.1 : -0.1))
  close(Math.log(ratioInterval(pairsOf(many)).high), (2.042 * 0.1 * Math.sqrt(100 / 99)) / 10)
})

test('About 95 of 100 intervals contain the true ratio', () => {
  const random = createRandom(7)
  const repetitions = 4_000
  for (const pairCount of [3, 8]) {
    let containing = 0
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const logs = Array.from({ length: pairCount }, () => 0.2 + 0.1 * normal(random))
      const { low, high } = ratioInterval(pairsOf(logs.map(Math.exp)))
      if (low <= Math.exp(0.2) && Math.exp(0.2) <= high) containing += 1
    }
    const share = containing / repetitions
    assert.ok(share > 0.94 && share < 0.96, `${pairCount} pairs: ${share}`)
  }
})

test('Only an interval that is wholly beyond the tolerance is worse or better', () => {
  const interval = (low: number, high: number) => ({ ratio: Math.sqrt(low * high), low, high })
  assert.equal(verdictOf(interval(1.031, 1.2), 'lower', 0.03), 'worse')
  assert.equal(verdictOf(interval(1.031, 1.2), 'higher', 0.03), 'better')
  assert.equal(verdictOf(interval(0.8, 0.97), 'higher', 0.03), 'worse')
  assert.equal(verdictOf(interval(0.8, 0.97), 'lower', 0.03), 'better')
  assert.equal(verdictOf(interval(1.01, 1.2), 'lower', 0.03), 'unclear')
  assert.equal(verdictOf(interval(0.7, 1.4), 'higher', 0.03), 'unclear')
  assert.equal(verdictOf(interval(0.98, 1.02), 'lower', 0.03), 'equal')
  assert.equal(verdictOf(interval(0.98, 1.02), 'higher', 0.03), 'equal')
})

test('Values that could not be measured have no verdict', () => {
  const pairs = [
    { base: Number.NaN, current: Number.NaN },
    { base: 1, current: 1 },
  ]
  assert.equal(verdictOf(ratioInterval(pairs), 'lower', 0.03), 'not measured')
  assert.equal(verdictOf(ratioInterval([{ base: 0, current: 0 }, ...pairs]), 'lower', 0.03), 'not measured')
})

/** Park and Miller's generator, so that the test has the same samples each time. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Box and Muller's transformation of two uniform numbers. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
}
