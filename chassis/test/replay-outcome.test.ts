import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, followReplay, unavailableAdmin } from '@quintet/chassis/queue'
import type { ReplayOutcome } from '@quintet/chassis/queue'

const settled: ReplayOutcome = {
  ...{ replayed: 37, done: 37, deadAgain: 0, sameReason: 0, waiting: 0 },
  ...{ reasons: new Map(), isCertain: true, isOver: true },
}

for (const [outcome, sentence] of [
  [{}, '37 put back: 37 done'],
  [{ done: 36, deadAgain: 1, sameReason: 1 }, '37 put back: 36 done, 1 dead again (same reason)'],
  [{ done: 35, deadAgain: 2 }, '37 put back: 35 done, 2 dead again (another reason)'],
  [{ done: 0, deadAgain: 37, sameReason: 30 }, '37 put back: 37 dead again (30 for the same reason)'],
  [{ done: 7, waiting: 30, isOver: false }, '37 put back: 7 done, 30 still waiting'],
  [{ replayed: 0, done: 0 }, '0 put back'],
  [
    { done: 36, deadAgain: 1, sameReason: 1, isCertain: false },
    '37 put back: 36 not seen again, 1 dead again (same reason); the broker does not show which messages were handled',
  ],
] as const)
  test(`An outcome of a replay is one sentence: ${sentence}`, () => {
    assert.equal(describeOutcome({ ...settled, ...outcome }), sentence)
  })

test('On a broker that shows neither what was handled nor what is held, a replay is over when nothing has come back for 10 s', async () => {
  let [live, dead, now, looks] = [2, 0, 0, 0]
  const letter = { id: 'a', reason: 'it is poison' }
  const broker = {
    ...unavailableAdmin(new Error('not used')),
    lookEffect: 'It takes messages.',
    depth: async (queue: string) => (queue === 'work' ? live : dead),
    async deadAmong() {
      looks += 1
      return dead === 1 ? [letter] : []
    },
  }
  const watch = followReplay(broker, 'work', () => now)
  watch.add([letter, { id: 'b', reason: 'it is poison' }])
  assert.deepEqual([(await watch.look()).waiting, looks], [2, 1])
  live = 0
  now = 60_000
  assert.deepEqual([(await watch.look()).isOver, (await watch.look()).isOver], [false, false])
  now += 9_999
  dead = 1
  const again = await watch.look()
  assert.deepEqual([again.deadAgain, again.isOver, looks], [1, false, 2])
  now += 10_000
  const { reasons: _, ...over } = await watch.look()
  // Dead letters are taken out for a look only where there are more of them.
  assert.equal(looks, 2)
  assert.deepEqual(over, {
    ...{ replayed: 2, done: 1, deadAgain: 1, sameReason: 1, waiting: 0 },
    ...{ isCertain: false, isOver: true },
  })
})
