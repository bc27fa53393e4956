import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createRetryBudget } from '../src/retry-budget.ts'

function createWorld(percent = 20) {
  const clock = createManualClock(1_000_000)
  const budget = createRetryBudget({ clock, percent })
  const countRequests = (count: number) => Array.from({ length: count }, budget.countRequest)
  const takeAll = () => {
    let taken = 0
    while (budget.tryConsume()) taken += 1
    return taken
  }
  return { clock, countRequests, takeAll }
}

test('A share of many requests may be retried', () => {
  const { countRequests, takeAll } = createWorld()
  countRequests(100)
  assert.equal(takeAll(), 20)
  countRequests(10)
  assert.equal(takeAll(), 2)
})

test('Three of a few requests may be retried, and three more after ten seconds', () => {
  const { clock, countRequests, takeAll } = createWorld()
  countRequests(1)
  assert.equal(takeAll(), 3)
  clock.advance(9_999)
  assert.equal(takeAll(), 0)
  clock.advance(1)
  assert.equal(takeAll(), 3)
})

test('Requests of earlier windows add no budget', () => {
  const { clock, countRequests, takeAll } = createWorld()
  countRequests(1_000)
  clock.advance(10_000)
  assert.equal(takeAll(), 3)
})

test('A busy upstream has the retries of five seconds at any moment', () => {
  for (let moment = 5; moment < 25; moment += 1) {
    const { clock, countRequests, takeAll } = createWorld()
    for (let second = 0; second < moment; second += 1) {
      countRequests(100)
      clock.advance(1_000)
    }
    assert.ok(takeAll() >= 100, `${moment} s`)
  }
})

test('A share of 0 turns retries off', () => {
  const { countRequests, takeAll } = createWorld(0)
  countRequests(1_000)
  assert.equal(takeAll(), 0)
})
