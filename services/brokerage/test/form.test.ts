import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import fc from 'fast-check'
import { isForm, parseForm } from '../src/form.ts'

const parse = (text: string) => parseForm(Buffer.from(text))

test('The output of URLSearchParams parses to the same fields, whatever their contents', () => {
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

test('A plus is a space, a field without a value is empty, and empty pairs are ignored', () => {
  assert.deepEqual(parse('a=b+c%2B&&d&e=&'), { a: 'b c+', d: '', e: '' })
  assert.deepEqual(parse(''), {})
})

for (const [what, bytes] of [
  ['a repeated field', Buffer.from('cash=1&cash=2')],
  ['a truncated escape', Buffer.from('cash=%4')],
  ['an invalid escape', Buffer.from('cash=%zz')],
  ['escaped bytes that are not UTF-8', Buffer.from('cash=%ff')],
  ['bytes that are not UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
] as const)
  test(`${what} is rejected as malformed`, () => {
    assert.throws(
      () => parseForm(bytes),
      (error) => error instanceof AppError && error.code === 'malformed',
    )
  })

test('A form is recognized by its media type, whatever its case and parameters', () => {
  assert.ok(isForm('application/x-www-form-urlencoded'))
  assert.ok(isForm('Application/X-WWW-Form-Urlencoded ; charset=utf-8'))
  assert.ok(!isForm('application/json'))
  assert.ok(!isForm(undefined))
})
