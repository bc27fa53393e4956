import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { searchFor } from '../src/substring.ts'

test('A sequence of bytes is found wherever Buffer.includes finds it, and nowhere else', () => {
  const letters = (minLength: number, maxLength: number) =>
    fc.uint8Array({ min: 0, max: 1, minLength, maxLength })
  fc.assert(
    fc.property(letters(1, 8), letters(0, 60), (wanted, bytes) => {
      assert.equal(searchFor(wanted)(bytes), Buffer.from(bytes).includes(wanted))
    }),
    { numRuns: 5_000 },
  )
})

test('A search reads each byte a bounded number of times', () => {
  for (const [wanted, text] of [
    [`${'a'.repeat(1_000)}b`, 'a'.repeat(10_000)],
    [`b${'a'.repeat(1_000)}`, 'a'.repeat(10_000)],
    [`${'a'.repeat(500)}b${'a'.repeat(500)}`, 'a'.repeat(10_000)],
    [`${'ab'.repeat(500)}b`, 'ab'.repeat(5_000)],
  ] as const) {
    let reads = 0
    const counted = (bytes: Uint8Array) =>
      new Proxy(bytes, {
        get(target, name) {
          if (name === 'length') return target.length
          reads += 1
          return target[Number(name)]
        },
      })
    assert.equal(searchFor(counted(Buffer.from(wanted)))(counted(Buffer.from(text))), false)
    assert.ok(reads <= 5 * (wanted.length + text.length), String(reads))
  }
})
