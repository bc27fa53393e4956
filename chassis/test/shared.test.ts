import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createShared } from '@quintet/chassis/concurrency'

test('Calls share the result of work that is being done, and later ones begin it again', async () => {
  let begun = 0
  const shared = createShared(async () => {
    begun += 1
    await pause(5)
    return begun
  })
  assert.deepEqual(await Promise.all([shared(), shared(), shared()]), [1, 1, 1])
  assert.equal(await shared(), 2)
})

test('A result is kept for a multiple of the time that it took', async () => {
  let begun = 0
  const shared = createShared(
    async () => {
      begun += 1
      await pause(20)
      return begun
    },
    { keepFactor: 20 },
  )
  assert.deepEqual([await shared(), await shared()], [1, 1])
  await pause(1_010)
  assert.equal(await shared(), 2)
})

test('A failure is shared by the calls at the time, and not kept', async () => {
  let begun = 0
  const shared = createShared(
    async () => {
      begun += 1
      await pause(5)
      if (begun === 1) throw new Error('failed')
      return begun
    },
    { keepFactor: 20 },
  )
  assert.deepEqual(
    (await Promise.allSettled([shared(), shared()])).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await shared(), 2)
})
