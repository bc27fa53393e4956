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
