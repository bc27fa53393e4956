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

for (const [what, text, field] of [
  ['a repeated field', 'cash=1&cash=2', 'cash'],
  ['a truncated escape', 'a=1&cash=%4', 'cash'],
  ['an invalid escape', 'cash=%zz', 'cash'],
  ['an escape without digits', 'cash=1%', 'cash'],
  ['escaped bytes that are not UTF-8', 'cash=%ff', 'cash'],
  ['an invalid escape in a name', 'c%zz=1', 'c%zz'],
] as const)
  test(`${what} is refused by the name of its field`, () => {
    assert.throws(
      () => parse(text),
      (error) => error instanceof AppError && error.status === 400 && error.errors?.[field] !== undefined,
    )
  })

test('A form with more than 1,000 fields is refused before they are decoded', () => {
  const fields = (count: number) => Array.from({ length: count }, (_, i) => `f${i}=1`).join('&')
  assert.equal(Object.keys(parse(fields(1_000))).length, 1_000)
  assert.throws(() => parse(fields(1_001)), /more than 1000 fields/)
})

test('Bytes that are not UTF-8 are malformed', () => {
  assert.throws(
    () => parseForm(Buffer.from([0x61, 0x3d, 0xff])),
    (error) => error instanceof AppError && error.code === 'malformed',
  )
})

for (const text of ['{"cash":1}', ' \n[{"cash":1}]', '{'])
  test(`JSON that is declared as a form is refused with the type that it needs: ${text}`, () => {
    assert.throws(() => parse(text), /Content-Type: application\/json/)
  })

test('A form is recognized by its media type, whatever its case and parameters', () => {
  assert.ok(isForm('application/x-www-form-urlencoded'))
  assert.ok(isForm('Application/X-WWW-Form-Urlencoded ; charset=utf-8'))
  assert.ok(!isForm('application/json'))
  assert.ok(!isForm(undefined))
})
