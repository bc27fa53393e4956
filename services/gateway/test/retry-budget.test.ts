import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@quintet/chassis/clock'
import { createRetryBudget } from '../src/retry-budget.ts'

function createWorld(percent = 20) {
  const clock = createManualClock(1_000_000)
  const budget = createRetryBudget({ clock, percent })
  const countRequests = (count: number) => Array.from({ length: count }, budget.countRequest)
  const takeAll = () => {
    let taken = 0
    while (budget.take()) taken += 1
    return taken
  }
  return { clock, countRequests, takeAll }
}

test('Of many requests a share may be retried', () => {
  const { countRequests, takeAll } = createWorld()
  countRequests(100)
  assert.equal(takeAll(), 20)
  countRequests(10)
  assert.equal(takeAll(), 2)
})

test('Of a few requests three may be retried, and after ten seconds three more', () => {
  const { clock, countRequests, takeAll } = createWorld()
  countRequests(1)
  assert.equal(takeAll(), 3)
  clock.advance(9_999)
  assert.equal(takeAll(), 0)
  clock.advance(1)
  assert.equal(takeAll(), 3)
})

test('Requests of earlier windows give no budget to this one', () => {
  const { clock, countRequests, takeAll } = createWorld()
  countRequests(1_000)
  clock.advance(10_000)
  assert.equal(takeAll(), 3)
})

test('A share of nothing turns retries off', () => {
  const { countRequests, takeAll } = createWorld(0)
  countRequests(1_000)
  assert.equal(takeAll(), 0)
})
