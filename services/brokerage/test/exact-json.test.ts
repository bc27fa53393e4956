import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import fc from 'fast-check'
import { exactNumber, isExactNumber, parseExactJson } from '../src/exact-json.ts'

const parse = (text: string) => parseExactJson(Buffer.from(text))

test('A number keeps the notation that it was sent in, to the last digit', () => {
  const text = '{"a":9007199254740993.000001,"b":[1.10,-0,1E+2],"c":"1.10","d":true,"e":null}'
  assert.equal(JSON.stringify(parse(text)), text)
  assert.deepEqual(parse('0.10'), exactNumber('0.10'))
})

test('Only a number is taken for one', () => {
  assert.ok(isExactNumber(parse('1')))
  for (const text of ['"1"', '{"rawJSON":"1"}', 'null', 'true', '[1]'])
    assert.ok(!isExactNumber(parse(text)), text)
})

test('Everything but its numbers is what JSON.parse makes of a text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(JSON.parse(JSON.stringify(parse(text))), JSON.parse(text))
    }),
  )
})

for (const [what, bytes] of [
  ['nothing', Buffer.from('')],
  ['half an object', Buffer.from('{"a":1')],
  ['a number that JSON has no notation for', Buffer.from('{"a":01}')],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['a surrogate written as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['a member that would become the prototype', Buffer.from('{"a":{"__proto__":{"b":1}}}')],
  ['the same member, escaped', Buffer.from('{"\\u005f_proto__":1}')],
  ['a constructor with a prototype', Buffer.from('{"constructor":{"prototype":{"b":1}}}')],
  ['what is nested a hundred thousand times', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
] as const)
  test(`${what} is refused as malformed`, () => {
    assert.throws(
      () => parseExactJson(bytes),
      (error) => error instanceof AppError && error.code === 'malformed',
    )
  })

test('A byte order mark is ignored', () => {
  assert.deepEqual(parse('\uFEFF{"a":"b"}'), { a: 'b' })
})
