import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createShared } from '@quintet/chassis/concurrency'

/** Work that returns how often it has begun. */
function createWork(durationMs: number): () => Promise<number> {
  let begun = 0
  return async () => {
    begun += 1
    const count = begun
    await pause(durationMs)
    return count
  }
}

test('Calls share the result of work that is being done, and later ones begin it again', async () => {
  const shared = createShared(createWork(5))
  assert.deepEqual(await Promise.all([shared(), shared(), shared()]), [1, 1, 1])
  assert.equal(await shared(), 2)
})

test('A result is kept for a multiple of the time that it took', async () => {
  const shared = createShared(createWork(20), { keepFactor: 20 })
  assert.deepEqual([await shared(), await shared()], [1, 1])
  await pause(1_010)
  assert.equal(await shared(), 2)
})

test('A result is kept for a time that begins when the work ends, so that long work runs once at a time too', async () => {
  const gate = Promise.withResolvers<void>()
  let begun = 0
  const shared = createShared(
    async () => {
      begun += 1
      await gate.promise
    },
    { keepMs: 1 },
  )
  const first = shared()
  await pause(5)
  const second = shared()
  gate.resolve()
  await Promise.all([first, second])
  assert.equal(begun, 1)
  await pause(5)
  await shared()
  assert.equal(begun, 2)
  const kept = createShared(createWork(1), { keepMs: 60_000 })
  assert.deepEqual([await kept(), await kept()], [1, 1])
})

test('A failure is shared by the calls at the time, and not kept', async () => {
  const work = createWork(5)
  const shared = createShared(
    async () => {
      const count = await work()
      if (count === 1) throw new Error('failed')
      return count
    },
    { keepFactor: 20 },
  )
  assert.deepEqual(
    (await Promise.allSettled([shared(), shared()])).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await shared(), 2)
})
