import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOperations } from './operations.ts'
import type { Operation } from './operations.ts'

/** How the sentences about input are worded: alike in all services, by field, with what to do. */

/** Those that clients of the older interfaces look for. */
const fixed: ReadonlySet<string> = new Set([
  'User field is required.',
  'User must be a string.',
  'Expire must be a string or number of digits.',
  'Expire must be a future Unix timestamp.',
  'Input data should not be empty.',
  'GUID not provided.',
])

/** The field by its name as the client wrote it, or the whole part, and then what it must be. */
function fitsStyle(field: string, sentence: string): boolean {
  if (fixed.has(sentence)) return true
  const name = field.slice(field.lastIndexOf('.') + 1)
  const subject = [name, 'The body', 'The query'].find((one) => sentence.startsWith(`${one} `))
  if (subject === undefined || (subject !== name && !['body', 'query'].includes(field))) return false
  const predicate = sentence.slice(subject.length + 1)
  return (
    /^(?:must |is required\.$|is not a (?:field|parameter) of this request\.$|has (?:more than )?\d+ )/.test(
      predicate,
    ) && /[^.]\.$/.test(predicate)
  )
}

const wrongValues: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e30,
  '',
  ' ',
  'x',
  'x'.repeat(10_000),
  '\u0000',
  [],
  {},
  'https://example.com/',
]

function* wrongBodies({ body, bodySchema }: Operation): Generator<unknown> {
  yield* [{}, [], null, 'text', 1, { ...body, unknown: 1 }]
  const names = Object.keys(Object(bodySchema.properties))
  for (const name of new Set([...names, ...Object.keys(body)])) {
    for (const value of wrongValues) yield { ...body, [name]: value }
    const { [name]: _, ...others } = body
    yield others
  }
}

test('Every sentence about a field of a body begins with its name and says what it must be', async (t) => {
  let seen = 0
  for (const operation of (await openOperations(t)).filter(({ mediaTypes }) => mediaTypes.length > 0)) {
    const { app, method, url, title } = operation
    for (const body of wrongBodies(operation)) {
      const headers = { 'content-type': 'application/json' }
      const response = await app.inject({ method, url, headers, payload: JSON.stringify(body) })
      if (response.statusCode !== 400 && response.statusCode !== 422) continue
      for (const [field, sentence] of Object.entries(Object(response.json().errors))) {
        seen += 1
        assert.ok(fitsStyle(field, String(sentence)), `${title} ${field}: ${sentence}`)
      }
    }
  }
  assert.ok(seen > 300, String(seen))
})

test('Every sentence about a parameter of a query begins with its name and says what it must be', async (t) => {
  let seen = 0
  for (const { app, method, url, title, parameters } of await openOperations(t))
    for (const { name } of parameters.filter((parameter) => parameter.in === 'query'))
      for (const value of ['-1', '1.5', 'x', '', 'x'.repeat(1_000), '%00', `1&${name}=2`]) {
        const response = await app.inject({ method, url: `${url}?${name}=${value}` })
        if (response.statusCode !== 400 && response.statusCode !== 422) continue
        for (const [field, sentence] of Object.entries(Object(response.json().errors))) {
          seen += 1
          assert.ok(fitsStyle(field, String(sentence)), `${title} ${field}: ${sentence}`)
        }
      }
  assert.ok(seen > 50, String(seen))
})
