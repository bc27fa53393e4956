import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import fc from 'fast-check'
import { isForm, parseForm } from '../src/form.ts'

const parse = (text: string) => parseForm(Buffer.from(text))

test('What URLSearchParams writes is read back, whatever the fields say', () => {
  const fields = fc.dictionary(fc.string({ minLength: 1, unit: 'binary' }), fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(fields, (expected) => {
      const wellFormed = Object.entries(expected).filter(
        ([name, value]) => name.isWellFormed() && value.isWellFormed(),
      )
      const text = String(new URLSearchParams(wellFormed))
      assert.deepEqual(Object.entries(parse(text)).sort(), wellFormed.sort())
    }),
  )
})

test('A plus is a space, a field without a value is empty, and empty pairs do not count', () => {
  assert.deepEqual(parse('a=b+c%2B&&d&e=&'), { a: 'b c+', d: '', e: '' })
  assert.deepEqual(parse(''), {})
})

for (const [what, bytes] of [
  ['a field twice', Buffer.from('cash=1&cash=2')],
  ['half an escape', Buffer.from('cash=%4')],
  ['an escape that is none', Buffer.from('cash=%zz')],
  ['escaped bytes that are no UTF-8', Buffer.from('cash=%ff')],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
] as const)
  test(`${what} is refused as malformed`, () => {
    assert.throws(
      () => parseForm(bytes),
      (error) => error instanceof AppError && error.code === 'malformed',
    )
  })

test('A form is told by its media type, whatever its case and parameters', () => {
  assert.ok(isForm('application/x-www-form-urlencoded'))
  assert.ok(isForm('Application/X-WWW-Form-Urlencoded ; charset=utf-8'))
  assert.ok(!isForm('application/json'))
  assert.ok(!isForm(undefined))
})
