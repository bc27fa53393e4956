import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createBatcher } from '@quintet/chassis/concurrency'

/** Batches, two in flight at a time, each of which runs until the test completes it. */
function createWorld({ batchSizeMax }: { batchSizeMax: number }) {
  const batches: { items: readonly number[]; complete(): void }[] = []
  const { add } = createBatcher<number>(
    (items) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      batches.push({ items, complete: resolve })
      return promise
    },
    { batchesInFlightMax: 2, batchSizeMax },
  )
  // One turn in which the batcher runs after the code that added, and one at whose end it flushes.
  const turns = async () => {
    await turn()
    await turn()
  }
  const addTogether = async (...all: number[]) => {
    for (const one of all) add(one)
    await turns()
  }
  /** Each by code of its own, as for requests of several connections, and all in one turn. */
  const addEach = async (...all: number[]) => {
    for (const one of all) {
      add(one)
      await null
    }
  }
  const complete = async (index: number) => {
    batches[index]?.complete()
    await turns()
  }
  return { addTogether, addEach, turns, complete, flushed: () => batches.map(({ items }) => items) }
}

test('items that are added together are one batch, in order', async (t: TestContext) => {
  const { addTogether, flushed } = createWorld({ batchSizeMax: 10 })
  await addTogether(1, 2, 3)
  await addTogether(4, 5, 6)
  t.assert.deepEqual(flushed(), [
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test('few items that are added in one turn are flushed as one batch at its end', async (t: TestContext) => {
  const { addEach, turns, flushed } = createWorld({ batchSizeMax: 10 })
  await addEach(1, 2, 3)
  t.assert.deepEqual(flushed(), [])
  await turns()
  t.assert.deepEqual(flushed(), [[1, 2, 3]])
})

test('half of the recent in-flight count is flushed before the turn ends, and the other half beside it', async (t: TestContext) => {
  const { addTogether, addEach, complete, flushed } = createWorld({ batchSizeMax: 10 })
  await addTogether(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  await complete(0)
  await addEach(1, 2, 3, 4)
  t.assert.equal(flushed().length, 1)
  await addEach(5)
  t.assert.deepEqual(flushed()[1], [1, 2, 3, 4, 5])
  await addEach(6, 7, 8, 9, 10)
  t.assert.deepEqual(flushed()[2], [6, 7, 8, 9, 10])
})

test('fewer items than half, and than the batch in flight has, wait until that is complete', async (t: TestContext) => {
  const { addTogether, complete, flushed } = createWorld({ batchSizeMax: 10 })
  await addTogether(1, 2, 3, 4, 5, 6, 7, 8)
  await addTogether(9)
  await addTogether(10, 11)
  t.assert.equal(flushed().length, 1)
  await addTogether(12)
  t.assert.deepEqual(flushed()[1], [9, 10, 11, 12])
  await addTogether(13, 14)
  await complete(0)
  t.assert.equal(flushed().length, 2)
  await complete(1)
  t.assert.deepEqual(flushed()[2], [13, 14])
})

test('as many items as a slow batch has are flushed beside it, however large earlier ones were', async (t: TestContext) => {
  const { addTogether, complete, flushed } = createWorld({ batchSizeMax: 100 })
  await addTogether(...Array.from({ length: 100 }, (_, n) => n))
  await complete(0)
  await addTogether(1, 2)
  await addTogether(3)
  t.assert.equal(flushed().length, 2)
  await addTogether(4)
  t.assert.deepEqual(flushed()[2], [3, 4])
})

test('when the load decreases, the threshold follows it', async (t: TestContext) => {
  const { addTogether, addEach, complete, flushed } = createWorld({ batchSizeMax: 100 })
  await addTogether(...Array.from({ length: 100 }, (_, n) => n))
  await complete(0)
  for (let batch = 1; batch <= 92; batch++) {
    await addTogether(batch)
    await complete(batch)
  }
  await addEach(1, 2, 3, 4)
  t.assert.deepEqual(flushed().at(-1), [1, 2, 3, 4])
})

test('items that are added together and exceed a batch keep their order', async (t: TestContext) => {
  const { addTogether, complete, flushed } = createWorld({ batchSizeMax: 4 })
  await addTogether(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  await addTogether(11)
  t.assert.deepEqual(flushed(), [[1, 2, 3, 4]])
  await complete(0)
  t.assert.deepEqual(flushed(), [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ])
  await complete(1)
  t.assert.deepEqual(flushed()[2], [9, 10, 11])
})

test('no more batches are in flight than the limit', async (t: TestContext) => {
  const { addTogether, complete, flushed } = createWorld({ batchSizeMax: 10 })
  for (let n = 0; n < 3; n++) await addTogether(1, 2, 3, 4)
  t.assert.equal(flushed().length, 2)
  await complete(0)
  t.assert.equal(flushed().length, 3)
})
