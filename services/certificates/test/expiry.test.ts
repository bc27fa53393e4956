import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextNoticeMs } from '../src/expiry.ts'

const dayMs = 86_400_000

function noticesOf(notBeforeMs: number, notAfterMs: number, afterMs: number): number[] {
  const due: number[] = []
  for (let at: number | undefined = afterMs; at !== undefined; ) {
    at = nextNoticeMs({ notBeforeMs, notAfterMs }, at)
    if (at !== undefined) due.push(at)
  }
  return due
}

test('Notices are due when a third, a tenth, a thirtieth and nothing of the lifetime remains', () => {
  assert.deepEqual(
    noticesOf(0, 90 * dayMs, 0).map((ms) => 90 - ms / dayMs),
    [30, 9, 3, 0],
  )
  assert.deepEqual(
    noticesOf(0, 6 * dayMs, 0).map((ms) => (6 * dayMs - ms) / 3_600_000),
    [48, 14.4, 4.8, 0],
  )
})

test('A certificate added late gets the remaining notices, and none after its expiry', () => {
  assert.deepEqual(
    noticesOf(0, 90 * dayMs, 70 * dayMs).map((ms) => 90 - ms / dayMs),
    [9, 3, 0],
  )
  assert.deepEqual(noticesOf(0, 90 * dayMs, 90 * dayMs), [])
})

test('For any lifetime there are at most four notices, each later than the previous one, the last at expiry', () => {
  const ms = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_000 })
  fc.assert(
    fc.property(ms, ms, ms, (start, end, after) => {
      const due = noticesOf(start, end, after)
      assert.ok(due.length <= 4)
      assert.deepEqual(
        due,
        [...new Set(due)].toSorted((one, other) => one - other),
      )
      assert.equal(due.at(-1), after < end ? end : undefined)
    }),
  )
})
