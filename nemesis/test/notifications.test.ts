import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkNotifications } from '../checkers/notifications.ts'
import type { ChangeOperation, Delivery } from '../checkers/notifications.ts'
import { timedOperations } from './timed-operations.ts'
import type { Timed } from './timed-operations.ts'

const changes = (...lines: readonly Timed[]): ChangeOperation[] => timedOperations('change', lines)

/** A delivery of `value`, or of `value:id`, where it is repeated. */
function deliveries(...lines: readonly string[]): Delivery[] {
  return lines.map((line, i) => {
    const [value = '', id = String(i)] = line.split(':')
    return { id, key: 'A', value }
  })
}

const alternating = changes(['on', 0, 1], ['off', 2, 3], ['on', 4, 5])

const right: Readonly<Record<string, readonly [ChangeOperation[], Delivery[]]>> = {
  'each change is delivered, in order': [alternating, deliveries('on', 'off', 'on')],
  'a delivery is repeated': [alternating, deliveries('on:x', 'on:x', 'off', 'on:y', 'on:x')],
  'changes that overlap are delivered in any order': [
    changes(['a', 0, 5], ['b', 1, 6]),
    deliveries('b', 'a'),
  ],
  'an unknown change is delivered': [changes(['a', 0, 0, 'info'], ['b', 2, 3]), deliveries('b', 'a')],
  'an unknown change is not delivered': [changes(['a', 0, 0, 'info'], ['b', 2, 3]), deliveries('b')],
}

const wrong: Readonly<Record<string, readonly [ChangeOperation[], Delivery[], RegExp]>> = {
  'a change is not delivered': [alternating, deliveries('on', 'off'), /the change to on was not delivered/],
  'the first change is not delivered': [
    alternating,
    deliveries('off', 'on'),
    /delivery 0 of off is out of order/,
  ],
  'deliveries are out of order': [
    changes(['a', 0, 1], ['b', 2, 3]),
    deliveries('b', 'a'),
    /delivery 0 of b is out of order/,
  ],
  'a delivery is of no change': [
    alternating,
    deliveries('on', 'off', 'on', 'off'),
    /change to off that was not made/,
  ],
  'a refused change is delivered': [
    changes(['a', 0, 1, 'fail']),
    deliveries('a'),
    /change to a that was not made/,
  ],
  'a repeated delivery has another content': [
    changes(['a', 0, 1], ['b', 2, 3]),
    deliveries('a:x', 'b:y', 'b:x'),
    /repeated with another content/,
  ],
}

for (const [sentence, [operations, arrived]] of Object.entries(right))
  test(`Notifications: ${sentence}`, () => assert.deepEqual(checkNotifications(operations, arrived), []))

for (const [sentence, [operations, arrived, message]] of Object.entries(wrong))
  test(`Notifications, caught: ${sentence}`, () => {
    assert.match(String(checkNotifications(operations, arrived)[0]?.message), message)
  })

test('Any run of a correct sender passes, and with one delivery lost, swapped or invented it fails', () => {
  const change = fc.record({ value: fc.constantFrom('on', 'off'), takes: fc.nat(5), isUnknown: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), fc.nat(), (all, which) => {
      const operations = changes(
        ...all.map(
          ({ value, takes, isUnknown }, i): Timed => [
            value,
            i * 10,
            i * 10 + takes,
            isUnknown ? 'info' : 'ok',
          ],
        ),
      )
      const arrived = all.map(({ value }, i) => ({ id: `d${i}`, key: 'A', value }))
      assert.deepEqual(checkNotifications(operations, arrived), [])
      const others = all.filter(({ isUnknown }) => !isUnknown)
      if (others.length === all.length) {
        const [at, next] = [which % arrived.length, (which + 1) % arrived.length]
        assert.notDeepEqual(checkNotifications(operations, arrived.toSpliced(at, 1)), [])
        const [one, other] = [arrived[at], arrived[next]]
        if (one && other && one.value !== other.value)
          assert.notDeepEqual(checkNotifications(operations, arrived.with(at, other).with(next, one)), [])
      }
      assert.notDeepEqual(
        checkNotifications(operations, [...arrived, { id: 'new', key: 'A', value: 'on' }]),
        [],
      )
    }),
  )
})
