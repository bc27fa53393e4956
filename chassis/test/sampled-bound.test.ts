import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { createSampledBound } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { settableClock } from './settable-clock.ts'

/** A store of items that is counted by sampling, 100 ms apart, and 10 ms apart before a refusal. */
function createWorld({
  samples = async (stored: number) => stored,
  clock: given,
}: {
  samples?: (stored: number) => Promise<number>
  clock?: Clock
} = {}) {
  const clock = createManualClock(1_000_000)
  let stored = 0
  let samplesTaken = 0
  const bound = createSampledBound({
    clock: given ?? clock,
    sample: () => {
      samplesTaken += 1
      return samples(stored)
    },
    sampleIntervalMs: 100,
    refusalSampleAgeMs: 10,
    refusal: 'Full.',
    retryAfterSeconds: 7,
  })
  const add = async (count = 1, limit = 5) =>
    bound
      .admit({ count, limit }, async () => {
        stored += count
        return 'added'
      })
      .catch((error: unknown) => (error instanceof AppError ? error.code : String(error)))
  return {
    clock,
    bound,
    add,
    remove(count: number) {
      stored -= count
    },
    stored: () => stored,
    samplesTaken: () => samplesTaken,
  }
}

test('additions up to the limit are admitted on one sample, and one more is rejected with overloaded', async (t: TestContext) => {
  const { add, bound, samplesTaken, stored } = createWorld()
  for (let i = 0; i < 5; i++) t.assert.equal(await add(), 'added')
  const rejected = bound.admit({ limit: 5 }, async () => {})
  await t.assert.rejects(rejected, (error: unknown) => {
    t.assert.ok(error instanceof AppError)
    t.assert.deepEqual([error.code, error.message, error.retryAfterSeconds], ['overloaded', 'Full.', 7])
    return true
  })
  t.assert.equal(stored(), 5)
  t.assert.equal(samplesTaken(), 1)
})

test('of additions at the same time no more are admitted than the limit, on one sample', async (t: TestContext) => {
  const { add, samplesTaken } = createWorld()
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => add()))
  t.assert.equal(outcomes.filter((outcome) => outcome === 'added').length, 5)
  t.assert.equal(samplesTaken(), 1)
})

test('several items are admitted together or not at all', async (t: TestContext) => {
  const { add, stored } = createWorld()
  t.assert.equal(await add(4), 'added')
  t.assert.equal(await add(2), 'overloaded')
  t.assert.equal(await add(1), 'added')
  t.assert.equal(stored(), 5)
})

test('removals make room once the sample is old enough to be renewed before a refusal', async (t: TestContext) => {
  const { add, clock, remove, samplesTaken } = createWorld()
  t.assert.equal(await add(5), 'added')
  remove(5)
  t.assert.equal(await add(), 'overloaded')
  clock.advance(10)
  t.assert.equal(await add(), 'added')
  t.assert.equal(samplesTaken(), 2)
})

test('an addition within the limit renews the sample at the end of its interval and no sooner', async (t: TestContext) => {
  const { add, clock, samplesTaken } = createWorld()
  await add()
  clock.advance(99)
  await add()
  t.assert.equal(samplesTaken(), 1)
  clock.advance(1)
  await add()
  t.assert.equal(samplesTaken(), 2)
})

test('items of other processes count from the next sample on', async (t: TestContext) => {
  const { add, clock, remove } = createWorld()
  t.assert.equal(await add(), 'added')
  remove(-4)
  t.assert.equal(await add(), 'added')
  clock.advance(100)
  t.assert.equal(await add(), 'overloaded')
})

test('an addition that ends while a sample is taken is not forgotten', async (t: TestContext) => {
  const sample = Promise.withResolvers<number>()
  const counts = [Promise.resolve(0), sample.promise]
  const { add, bound, clock } = createWorld({ samples: () => counts.shift() ?? Promise.resolve(0) })
  const work = Promise.withResolvers<void>()
  const underway = bound.admit({ limit: 1 }, () => work.promise)
  await new Promise(setImmediate)
  clock.advance(100)
  const waiting = add(1, 1)
  work.resolve()
  await underway
  sample.resolve(0)
  t.assert.equal(await waiting, 'overloaded')
})

test('an addition whose work fails rejects with its error and counts, since it may have been stored', async (t: TestContext) => {
  const { add, bound } = createWorld()
  await t.assert.rejects(
    bound.admit({ count: 5, limit: 5 }, () => Promise.reject(new Error('lost'))),
    /lost/,
  )
  t.assert.equal(await add(), 'overloaded')
})

test('a sample that fails rejects those who waited for it, and the next addition takes another', async (t: TestContext) => {
  let isDown = true
  const { add } = createWorld({
    samples: async (stored) => {
      if (isDown) throw new Error('down')
      return stored
    },
  })
  t.assert.deepEqual(await Promise.all([add(), add()]), ['Error: down', 'Error: down'])
  isDown = false
  t.assert.equal(await add(), 'added')
})

test('a sample has its age by a clock that goes on when that of the machine is set', async (t: TestContext) => {
  const machine = settableClock(t)
  const { add, samplesTaken } = createWorld({ clock: systemClock })
  await add()
  for (const ms of [3_600_000, -7_200_000]) {
    machine.setBy(ms)
    await add()
  }
  t.assert.equal(samplesTaken(), 1)
  await new Promise((resolve) => setTimeout(resolve, 110))
  await add()
  t.assert.equal(samplesTaken(), 2)
})

test('a clock that was set back does not keep an old sample in use', async (t: TestContext) => {
  const { add, clock, samplesTaken } = createWorld()
  await add()
  clock.advance(-3_600_000)
  await add()
  t.assert.equal(samplesTaken(), 2)
})
