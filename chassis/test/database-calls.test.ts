import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createCalls } from '../src/database/calls.ts'

/** Calls that stay on their way until they are told to come back. */
function open(limits: { atOnceMax: number; perCallMax: number }) {
  const sent: { batch: readonly number[]; comeBack(): void }[] = []
  const calls = createCalls<number>((batch) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    sent.push({ batch, comeBack: resolve })
    return promise
  }, limits)
  const add = async (...all: number[]) => {
    for (const one of all) calls.add(one)
    await turn()
  }
  const comeBack = async (index: number) => {
    sent[index]?.comeBack()
    await turn()
  }
  return { add, comeBack, sent: () => sent.map(({ batch }) => batch) }
}

test('what is added in one turn leaves as one call, in its order', async (t: TestContext) => {
  const { add, sent } = open({ atOnceMax: 2, perCallMax: 10 })
  await add(1, 2, 3)
  t.assert.deepEqual(sent(), [[1, 2, 3]])
})

test('a call leaves beside another once it takes as many along, or when the other is back', async (t: TestContext) => {
  const { add, comeBack, sent } = open({ atOnceMax: 2, perCallMax: 10 })
  await add(1, 2)
  await add(3)
  t.assert.deepEqual(sent(), [[1, 2]])
  await add(4)
  t.assert.deepEqual(sent(), [
    [1, 2],
    [3, 4],
  ])
  await add(5, 6, 7, 8, 9)
  t.assert.equal(sent().length, 2)
  await comeBack(0)
  t.assert.deepEqual(sent()[2], [5, 6, 7, 8, 9])
  await add(10)
  await comeBack(1)
  t.assert.equal(sent().length, 3)
  await comeBack(2)
  t.assert.deepEqual(sent()[3], [10])
})

test('what came in one turn and is more than a call takes does not overtake itself', async (t: TestContext) => {
  const { add, comeBack, sent } = open({ atOnceMax: 2, perCallMax: 2 })
  await add(1, 2, 3, 4, 5)
  await add(6)
  t.assert.deepEqual(sent(), [[1, 2]])
  await comeBack(0)
  t.assert.deepEqual(sent(), [
    [1, 2],
    [3, 4],
  ])
  await comeBack(1)
  t.assert.deepEqual(sent()[2], [5, 6])
})
