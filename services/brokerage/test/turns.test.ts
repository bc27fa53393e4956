import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createTurns } from '../src/turns.ts'

/** Does this many pieces of work at the same time, each of which takes so long; the number of them in each turn of the event loop. */
async function work(t: TestContext, pieces: number, ms: number): Promise<number[]> {
  let now = 0
  let done = 0
  const perTurn: number[] = []
  let next = setImmediate(function turn() {
    perTurn.push(done)
    done = 0
    next = setImmediate(turn)
  })
  t.after(() => clearImmediate(next))
  const turns = createTurns(() => now)
  await Promise.all(
    Array.from({ length: pieces }, async () => {
      if (!turns.hasTime()) await turns.next()
      now += ms
      done += 1
    }),
  )
  perTurn.push(done)
  return perTurn.filter((count) => count > 0)
}

test('Work that takes long is done piece by piece, each in a turn of the event loop of its own', async (t) => {
  assert.deepEqual(await work(t, 20, 10), Array(20).fill(1))
})

test('Work shares a turn until the time of that is over', async (t) => {
  assert.deepEqual(await work(t, 10, 2), [3, 3, 3, 1])
})

test('Work that takes no time is all done in one turn', async (t) => {
  assert.deepEqual(await work(t, 1_000, 0), [1_000])
})
