import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createBatcher } from '../src/concurrency/batcher.ts'

/** Calls, two at once, that stay on their way until they are told to come back. */
function open({ batchSizeMax }: { batchSizeMax: number }) {
  const sent: { batch: readonly number[]; comeBack(): void }[] = []
  const { add } = createBatcher<number>(
    (batch) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      sent.push({ batch, comeBack: resolve })
      return promise
    },
    { batchesInFlightMax: 2, batchSizeMax: batchSizeMax },
  )
  // One turn in which the calls learn that the code which added has ended, and one whose end they wait for.
  const turns = async () => {
    await turn()
    await turn()
  }
  const addAtOnce = async (...all: number[]) => {
    for (const one of all) add(one)
    await turns()
  }
  /** Each by code of its own, as requests come from several connections, and all in one turn. */
  const addEach = async (...all: number[]) => {
    for (const one of all) {
      add(one)
      await null
    }
  }
  const comeBack = async (index: number) => {
    sent[index]?.comeBack()
    await turns()
  }
  return { addAtOnce, addEach, turns, comeBack, sent: () => sent.map(({ batch }) => batch) }
}

test('what is added at once leaves as one call, in its order', async (t: TestContext) => {
  const { addAtOnce, sent } = open({ batchSizeMax: 10 })
  await addAtOnce(1, 2, 3)
  await addAtOnce(4, 5, 6)
  t.assert.deepEqual(sent(), [
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test('few that are added in one turn leave as one call at its end', async (t: TestContext) => {
  const { addEach, turns, sent } = open({ batchSizeMax: 10 })
  await addEach(1, 2, 3)
  t.assert.deepEqual(sent(), [])
  await turns()
  t.assert.deepEqual(sent(), [[1, 2, 3]])
})

test('half of those that were lately on their way leave before the turn ends, and the other half beside them', async (t: TestContext) => {
  const { addAtOnce, addEach, comeBack, sent } = open({ batchSizeMax: 10 })
  await addAtOnce(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  await comeBack(0)
  await addEach(1, 2, 3, 4)
  t.assert.equal(sent().length, 1)
  await addEach(5)
  t.assert.deepEqual(sent()[1], [1, 2, 3, 4, 5])
  await addEach(6, 7, 8, 9, 10)
  t.assert.deepEqual(sent()[2], [6, 7, 8, 9, 10])
})

test('fewer than half, and than a call carries that is on its way, wait until it is back', async (t: TestContext) => {
  const { addAtOnce, comeBack, sent } = open({ batchSizeMax: 10 })
  await addAtOnce(1, 2, 3, 4, 5, 6, 7, 8)
  await addAtOnce(9)
  await addAtOnce(10, 11)
  t.assert.equal(sent().length, 1)
  await addAtOnce(12)
  t.assert.deepEqual(sent()[1], [9, 10, 11, 12])
  await addAtOnce(13, 14)
  await comeBack(0)
  t.assert.equal(sent().length, 2)
  await comeBack(1)
  t.assert.deepEqual(sent()[2], [13, 14])
})

test('as many as a call carries that stays away leave beside it, however many there were before', async (t: TestContext) => {
  const { addAtOnce, comeBack, sent } = open({ batchSizeMax: 100 })
  await addAtOnce(...Array.from({ length: 100 }, (_, n) => n))
  await comeBack(0)
  await addAtOnce(1, 2)
  await addAtOnce(3)
  t.assert.equal(sent().length, 2)
  await addAtOnce(4)
  t.assert.deepEqual(sent()[2], [3, 4])
})

test('once fewer come than before, half is half of those', async (t: TestContext) => {
  const { addAtOnce, addEach, comeBack, sent } = open({ batchSizeMax: 100 })
  await addAtOnce(...Array.from({ length: 100 }, (_, n) => n))
  await comeBack(0)
  for (let call = 1; call <= 92; call++) {
    await addAtOnce(call)
    await comeBack(call)
  }
  await addEach(1, 2, 3, 4)
  t.assert.deepEqual(sent().at(-1), [1, 2, 3, 4])
})

test('what was added at once and is more than a call takes does not overtake itself', async (t: TestContext) => {
  const { addAtOnce, comeBack, sent } = open({ batchSizeMax: 4 })
  await addAtOnce(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  await addAtOnce(11)
  t.assert.deepEqual(sent(), [[1, 2, 3, 4]])
  await comeBack(0)
  t.assert.deepEqual(sent(), [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ])
  await comeBack(1)
  t.assert.deepEqual(sent()[2], [9, 10, 11])
})

test('no more calls are on their way than may be', async (t: TestContext) => {
  const { addAtOnce, comeBack, sent } = open({ batchSizeMax: 10 })
  for (let n = 0; n < 3; n++) await addAtOnce(1, 2, 3, 4)
  t.assert.equal(sent().length, 2)
  await comeBack(0)
  t.assert.equal(sent().length, 3)
})
