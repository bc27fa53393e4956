import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confirmedWorse, evaluate } from '../against/evaluate.ts'
import { orderOf } from '../against/pair.ts'
import type { Measurement } from '../measure.ts'

const measurement = (cpuUs: number, rps: number): Measurement => ({
  cpuUs,
  rps,
  requests: rps,
  p50Ms: 1,
  p99Ms: 2,
  bytes: 300,
  errors: 0,
  rssMb: 100,
  foreignCores: 0,
})
/** Pairs in which the CPU time and the rate of the current side are multiples of those of the base. */
const pairsOf = (cpuRatios: number[], rateRatio = 1) =>
  cpuRatios.map((cpuRatio, n) => ({
    base: [measurement(20 + n, 10_000)],
    current: [measurement((20 + n) * cpuRatio, 10_000 * rateRatio)],
  }))

test('The sides alternate so that a drift cancels out, and change places in every other round', () => {
  const letters = (round: number, slices: number) =>
    orderOf(round, slices)
      .map((side) => (side === 'base' ? 'B' : 'C'))
      .join('')
  assert.equal(letters(0, 1), 'BC')
  assert.equal(letters(1, 1), 'CB')
  assert.equal(letters(0, 2), 'BCCB')
  assert.equal(letters(1, 2), 'CBBC')
  assert.equal(letters(2, 4), 'BCCBBCCB')
})

test('A linear drift of the machine shows in no ratio', () => {
  const pairs = [0, 1, 2].map((round) => {
    const pair = { base: [] as Measurement[], current: [] as Measurement[] }
    for (const [slice, side] of orderOf(round, 2).entries())
      pair[side].push(measurement(20 * Math.exp(0.1 * slice), 10_000))
    return pair
  })
  const { cpu } = evaluate(pairs)
  assert.ok(Math.abs(cpu.ratio - 1) < 1e-9)
  assert.equal(cpu.verdict, 'equal')
})

test('More CPU time per request is worse, and more requests per second are better', () => {
  const { cpu, rate } = evaluate(pairsOf([1.1, 1.11, 1.12], 1.1))
  assert.equal(cpu.verdict, 'worse')
  assert.equal(rate.verdict, 'better')
  assert.equal(cpu.base, 21)
})

test('A difference that the pairs do not agree on is unclear', () => {
  assert.equal(evaluate(pairsOf([0.9, 1.3, 1.1])).cpu.verdict, 'unclear')
})

test('A measure is confirmed as worse only if both sets of pairs say so', () => {
  const [worse, equal] = [evaluate(pairsOf([1.1, 1.11, 1.12])), evaluate(pairsOf([1, 1.01, 1]))]
  const slower = evaluate(pairsOf([1, 1.01, 1], 0.8))
  assert.deepEqual(confirmedWorse(worse, worse), ['cpu'])
  assert.deepEqual(confirmedWorse(worse, equal), [])
  assert.deepEqual(confirmedWorse(worse, slower), [])
})
