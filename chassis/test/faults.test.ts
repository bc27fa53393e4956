import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCheck } from '@quintet/chassis/http'
import fc from 'fast-check'
import { Type } from 'typebox'

/** The sentences about a body with this member; none if it is accepted. */
function sentences(member: Parameters<typeof Type.Object>[0][string], body: unknown): Record<string, string> {
  const schema = Type.Object({ amount: member }, { additionalProperties: false })
  const checked = compileCheck(schema)(body)
  return 'error' in checked ? { ...checked.error.errors } : {}
}

const choice = Type.Union([Type.Literal('a'), Type.Literal('b')])
const form = Type.String({ pattern: '^a$', 'x-errors': { pattern: 'amount must be the letter a.' } })

for (const [schema, value, sentence] of [
  [Type.String(), 1, 'amount must be a string.'],
  [Type.Integer(), 1.5, 'amount must be a whole number.'],
  [Type.Integer(), '1', 'amount must be a whole number.'],
  [Type.Number(), null, 'amount must be a number.'],
  [Type.Boolean(), 'true', 'amount must be true or false.'],
  [Type.Object({}), [], 'amount must be a JSON object.'],
  [Type.Array(Type.String()), {}, 'amount must be an array.'],
  [Type.Null(), 0, 'amount must be null.'],
  [Type.Literal('a'), 'b', 'amount must be "a".'],
  [choice, 'c', 'amount must be "a" or "b".'],
  [Type.Union([Type.Number(), Type.String()]), true, 'amount must be a number or a string.'],
  [Type.Integer({ minimum: 1 }), 0, 'amount must be at least 1.'],
  [Type.Integer({ maximum: 1_000 }), 1_001, 'amount must be at most 1000.'],
  [Type.String({ minLength: 1 }), '', 'amount must not be empty.'],
  [Type.String({ minLength: 2 }), 'a', 'amount must have at least 2 characters.'],
  [Type.String({ maxLength: 2 }), 'abc', 'amount must have at most 2 characters.'],
  [form, 'b', 'amount must be the letter a.'],
  [Type.String({ pattern: '^a$' }), 'b', 'amount has a form that is not accepted.'],
  [Type.String({ 'x-errors': { invalid: 'Amount, please.' } }), 1, 'Amount, please.'],
] as const)
  test(`${JSON.stringify(value)} gets the sentence: ${sentence}`, () => {
    assert.deepEqual(sentences(schema, { amount: value }), { amount: sentence })
  })

for (const [body, expected] of [
  [undefined, { body: 'The body must be a JSON object.' }],
  [null, { body: 'The body must be a JSON object.' }],
  [[], { body: 'The body must be a JSON object.' }],
  ['text', { body: 'The body must be a JSON object.' }],
  [{}, { amount: 'amount is required.' }],
  [
    { amount: 1, note: 2 },
    { note: 'note is not a field of this request.', amount: 'amount must be a string.' },
  ],
] as const)
  test(`The body ${JSON.stringify(body)} gets its sentences`, () => {
    assert.deepEqual(sentences(Type.String(), body), expected)
  })

test('Of a text that is too long the length is the fault, and its form is not looked at', () => {
  const exponential = Type.String({ maxLength: 10, pattern: '^(a+)+$' })
  assert.deepEqual(sentences(exponential, { amount: `${'a'.repeat(100)}!` }), {
    amount: 'amount must have at most 10 characters.',
  })
})

test('What cannot be explained is refused all the same', () => {
  for (const [schema, value] of [
    [Type.Array(Type.String(), { maxItems: 1 }), ['a', 'b']],
    [Type.Object({ inner: Type.String() }), {}],
    [Type.Integer({ multipleOf: 2 }), 3],
  ] as const)
    assert.deepEqual(sentences(schema, { amount: value }), { body: 'The body is not valid.' })
})

test('Of many unknown members twenty are named, and of a long name its beginning', () => {
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`member${i}`, i]))
  const errors = sentences(Type.String(), { amount: 'a', ...many })
  assert.equal(Object.keys(errors).length, 21)
  assert.equal(errors.body, 'The body has 10000 members that are not fields of this request.')
  const [name = ''] = Object.keys(sentences(Type.String(), { amount: 'a', ['x'.repeat(100_000)]: 1 }))
  assert.equal(name, `${'x'.repeat(100)}…`)
})

test('What is refused has at least one sentence, and what is accepted none, whatever the value', () => {
  const schemas = [Type.String({ minLength: 1, maxLength: 5 }), Type.Integer({ minimum: 0 }), choice, form]
  fc.assert(
    fc.property(fc.constantFrom(...schemas), fc.jsonValue(), (schema, value) => {
      const body = { amount: value }
      const isAccepted = 'value' in compileCheck(Type.Object({ amount: schema }))(body)
      const errors = Object.values(sentences(schema, body))
      assert.equal(errors.length === 0, isAccepted)
      for (const sentence of errors) assert.match(sentence, /^amount .*\.$/)
    }),
  )
})
