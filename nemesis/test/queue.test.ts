import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkQueue } from '../checkers/queue.ts'
import type { PostOperation } from '../checkers/queue.ts'
import { timedOperations } from './timed-operations.ts'
import type { Timed } from './timed-operations.ts'

const posts = (...lines: readonly Timed[]): PostOperation[] => timedOperations('post', lines)

const right: Readonly<Record<string, readonly [PostOperation[], string[]]>> = {
  'each answered post has one effect': [posts(['m1', 0, 1], ['m2', 2, 3]), ['m1', 'm2']],
  'posts that overlap take effect in any order': [posts(['m1', 0, 5], ['m2', 1, 6]), ['m2', 'm1']],
  'an unknown post has one effect': [posts(['m1', 0, 0, 'info'], ['m2', 2, 3]), ['m2', 'm1']],
  'an unknown post has no effect': [posts(['m1', 0, 0, 'info']), []],
  'a retry of an unknown post has the one effect of both': [
    posts(['m1', 0, 0, 'info'], ['m1', 5, 6]),
    ['m1'],
  ],
  'a refused post has none': [posts(['m1', 0, 1, 'fail']), []],
}

const wrong: Readonly<Record<string, readonly [PostOperation[], string[], RegExp]>> = {
  'an answered post is lost': [
    posts(['m1', 0, 1], ['m2', 2, 3]),
    ['m2'],
    /m1 was answered and is not stored/,
  ],
  'an answered post has two effects': [posts(['m1', 0, 1]), ['m1', 'm1'], /m1 is stored 2 times/],
  'an unknown post has two effects': [posts(['m1', 0, 0, 'info']), ['m1', 'm1'], /m1 is stored 2 times/],
  'a retry has an effect of its own': [
    posts(['m1', 0, 0, 'info'], ['m1', 5, 6]),
    ['m1', 'm1'],
    /m1 is stored 2 times/,
  ],
  'a refused post has an effect': [posts(['m1', 0, 1, 'fail']), ['m1'], /m1 was refused and is stored/],
  'an effect is of no post': [posts(['m1', 0, 1]), ['m1', 'm2'], /m2 is stored and was not posted/],
  'a post takes effect after one that was sent later': [
    posts(['m1', 0, 1], ['m2', 2, 3]),
    ['m2', 'm1'],
    /m1 was answered before m2 was posted/,
  ],
}

for (const [sentence, [operations, stored]] of Object.entries(right))
  test(`Queue: ${sentence}`, () => assert.deepEqual(checkQueue(operations, stored, { isOrdered: true }), []))

for (const [sentence, [operations, stored, message]] of Object.entries(wrong))
  test(`Queue, caught: ${sentence}`, () => {
    const violations = checkQueue(operations, stored, { isOrdered: true })
    assert.equal(violations.length, 1)
    assert.match(String(violations[0]?.message), message)
  })

test('Any run of a correct queue passes, and with one effect lost, repeated or invented it fails', () => {
  const post = fc.record({ from: fc.nat(50), takes: fc.nat(30), effect: fc.nat(30), isLost: fc.boolean() })
  fc.assert(
    fc.property(fc.array(post, { minLength: 1, maxLength: 30 }), fc.nat(), (all, which) => {
      const operations = posts(
        ...all.map(
          ({ from, takes, isLost }, i): Timed => [`m${i}`, from, from + takes, isLost ? 'info' : 'ok'],
        ),
      )
      const stored = all
        .map(({ from, takes, effect }, i) => ({ value: `m${i}`, at: from + Math.min(takes, effect) }))
        .toSorted((one, other) => one.at - other.at)
        .map(({ value }) => value)
      assert.deepEqual(checkQueue(operations, stored, { isOrdered: true }), [])
      const i = which % stored.length
      const isKnown = operations.some(({ call, outcome }) => call.value === stored[i] && outcome === 'ok')
      assert.equal(checkQueue(operations, stored.toSpliced(i, 1)).length, isKnown ? 1 : 0)
      assert.equal(checkQueue(operations, [...stored, stored[i] ?? '']).length, 1)
      assert.equal(checkQueue(operations, [...stored, 'invented']).length, 1)
    }),
  )
})
