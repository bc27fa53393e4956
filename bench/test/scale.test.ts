import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdictOf } from '../scale/scale-report.ts'
import type { ScaleResult } from '../scale/run-scale.ts'

const exactly = (ratio: number) => ({ ratio, low: ratio, high: ratio })
const result = (operation: ScaleResult['operation'], rate: number, p99: number): ScaleResult => ({
  engine: 'SQLite',
  rows: 1_000_000,
  operation,
  rps: 1,
  p50_ms: 1,
  p99_ms: 1,
  rate: exactly(rate),
  p99: exactly(p99),
  errors: 0,
})

test('With more rows a GET may be 1.2 times slower, and a POST 1.3 times with a p99 of 3 times', () => {
  assert.equal(verdictOf(result('GET', 1 / 1.19, 9)), 'met')
  assert.equal(verdictOf(result('GET', 1 / 1.25, 1)), 'missed: 1.25 times slower')
  assert.equal(verdictOf(result('POST', 1 / 1.29, 2.9)), 'met')
  assert.equal(verdictOf(result('POST', 1 / 1.5, 4)), 'missed: 1.50 times slower, p99 4.0 times')
  assert.equal(verdictOf(result('engine inserts', 0.1, 1)), '')
})

test('A goal that a POST misses is reported with what the engine itself loses', () => {
  assert.equal(
    verdictOf(result('POST', 1 / 1.5, 1), result('engine inserts', 1 / 1.45, 3.5)),
    'missed: 1.50 times slower; the engine itself: 1.45 times slower, p99 3.5 times',
  )
})
