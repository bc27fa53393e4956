import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openOperations } from './operations.ts'
import type { Operation, Schema } from './operations.ts'

/** What every operation does with input that it does not accept, by its OpenAPI description. */

/** What is in every object, and what looks like it. */
const inherited = [...Object.getOwnPropertyNames(Object.prototype), 'prototype', '__proto__', '0', '']
const anyName = fc.oneof(
  fc.constantFrom(...inherited),
  fc.string({ maxLength: 100 }),
  fc.string({ unit: 'binary', maxLength: 50 }),
)

function sendBody({ app, method, url }: Operation, payload: string | Buffer, type = 'application/json') {
  return app.inject({ method, url, payload, headers: { 'content-type': type } })
}

/** JSON of an object with one more member, whatever its name. */
function withMember(body: object, name: string, value: unknown): string {
  return `${JSON.stringify(body).slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(value)}}`
}

test('A member that an operation does not know is 400 by its name, whatever the name and the value', async (t) => {
  const operations = (await openOperations(t)).filter(({ mediaTypes }) => mediaTypes.length > 0)
  assert.ok(operations.length >= 11)
  for (const operation of operations) {
    const isUnknown = (name: string) => !Object.hasOwn(Object(operation.bodySchema.properties), name)
    assert.equal(operation.bodySchema.additionalProperties, false, operation.title)
    await fc.assert(
      fc.asyncProperty(anyName.filter(isUnknown), fc.jsonValue(), async (name, value) => {
        const response = await sendBody(operation, withMember(operation.body, name, value))
        assert.equal(response.statusCode, 400, response.body)
        const { detail, errors } = response.json()
        assert.ok(Object.hasOwn(errors, name) && detail.includes(errors[name]), response.body)
      }),
      { numRuns: 60, examples: inherited.map((name): [string, fc.JsonValue] => [name, 1]) },
    )
  }
})

test('A member that an object has twice is 400 by its name, however the name and the values are written', async (t) => {
  const operations = (await openOperations(t)).filter(({ mediaTypes }) => mediaTypes.length > 0)
  for (const operation of operations)
    for (const [name, value] of Object.entries(operation.body))
      for (const written of [JSON.stringify(name), escaped(name)]) {
        const object = `${JSON.stringify(operation.body).slice(0, -1)} , ${written}\t:\n${JSON.stringify(value)}}`
        const response = await sendBody(operation, object)
        assert.equal(response.statusCode, 400, `${operation.title}: ${response.body}`)
        assert.deepEqual(response.json().errors, { [name]: `${name} must be given once.` }, operation.title)
      }
})

/** The name in JSON with every letter escaped. */
function escaped(name: string): string {
  const units = Array.from(name, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `"${units.join('')}"`
}

test('A field that a form does not have is 400 by its name, whatever the name', async (t) => {
  const operations = (await openOperations(t)).filter(({ mediaTypes }) => mediaTypes.includes(formType))
  assert.equal(operations.length, 2)
  for (const operation of operations) {
    const isUnknown = (name: string) =>
      name.isWellFormed() && !Object.hasOwn(Object(operation.bodySchema.properties), name)
    const fields = Object.entries(operation.body).map(([name, value]): [string, string] => [
      name,
      String(value),
    ])
    await fc.assert(
      fc.asyncProperty(anyName.filter(isUnknown), async (name) => {
        const form = String(new URLSearchParams([...fields, [name, '1']]))
        const response = await sendBody(operation, form, formType)
        assert.equal(response.statusCode, 400, response.body)
        assert.ok(Object.hasOwn(response.json().data.errors, name), response.body)
      }),
      { numRuns: 60, examples: inherited.map((name) => [name]) },
    )
  }
})

const formType = 'application/x-www-form-urlencoded'

test('A query parameter that an operation does not know is refused by its name, whatever the name', async (t) => {
  const operations = (await openOperations(t)).filter(({ parameters }) =>
    parameters.some((parameter) => parameter.in === 'query'),
  )
  assert.ok(operations.length >= 8)
  for (const { app, url, parameters, service, title } of operations) {
    const isUnknown = (name: string) =>
      name.isWellFormed() && name !== '' && !parameters.some((parameter) => parameter.name === name)
    await fc.assert(
      fc.asyncProperty(anyName.filter(isUnknown), async (name) => {
        const response = await app.inject(`${url}?${new URLSearchParams([[name, '1']])}`)
        assert.equal(response.statusCode, statusOfQueryFault(service), `${title}: ${response.body}`)
        assert.ok(Object.hasOwn(response.json().errors, name), response.body)
      }),
      { numRuns: 60, examples: inherited.filter(isUnknown).map((name) => [name]) },
    )
  }
})

test('Unknown parameters are ignored by what people and tools of operators open, and by no other operation', async (t) => {
  const operations = await openOperations(t)
  const opened = /^\/(?:$|docs$|openapi\.json$|metrics$|health)/
  for (const app of new Set(operations.map((operation) => operation.app)))
    for (const url of [
      '/',
      '/docs',
      '/openapi.json',
      '/health/live',
      '/health/ready',
      '/metrics',
      '/health',
    ]) {
      const plain = await app.inject(url)
      const withParameters = await app.inject(`${url}?name[]=up&name[]=process_cpu_seconds_total&_=1`)
      assert.equal(withParameters.statusCode, plain.statusCode, url)
    }
  for (const { app, method, url, path, body, mediaTypes, service, title } of operations) {
    if (opened.test(path)) continue
    const response = await app.inject({
      method,
      url: `${url}?name[]=up`,
      ...(mediaTypes.length > 0 && { payload: body }),
    })
    assert.equal(response.statusCode, statusOfQueryFault(service), `${title}: ${response.body}`)
    assert.deepEqual(Object.keys(response.json().errors), ['name[]'], title)
  }
})

/** One status for whatever is wrong with a query of a service. */
const statusOfQueryFault = (service: string) => (service === 'certificates' ? 422 : 400)

test('A whole number in a query is decimal digits within its range, and given once', async (t) => {
  for (const { app, url, parameters, service, title } of await openOperations(t))
    for (const { name, schema } of parameters.filter((one) => one.schema.type === 'integer')) {
      const { minimum, maximum } = schema
      assert.ok(Number.isSafeInteger(minimum) && Number.isSafeInteger(maximum), `${title}: ${name}`)
      const faults = [...notDigits, String(Number(minimum) - 1), String(Number(maximum) + 1), '9'.repeat(400)]
      for (const text of faults) {
        const response = await app.inject(`${url}?${new URLSearchParams([[name, text]])}`)
        assert.equal(response.statusCode, statusOfQueryFault(service), `${title}: ${name}=${text}`)
        assert.deepEqual(Object.keys(response.json().errors), [name])
      }
      const twice = await app.inject(`${url}?${name}=1&${name}=1`)
      assert.equal(twice.statusCode, statusOfQueryFault(service))
      assert.deepEqual(twice.json().errors, { [name]: `${name} must be given once.` })
    }
})

const notDigits = [
  ...['', ' ', ' 5', '5 ', '+5', '-5', '1.9', '1.0', '1e1', '0x2', '0b1', '0o7', '5n', '1_0', '5,', '٣', '५'],
  ...['true', 'TRUE', 'null', 'NaN', 'Infinity', 'undefined', '[5]', '{}', "5'--", '5\0'],
]

test('A cursor that no list has given is refused with the status of every other fault of a query', async (t) => {
  for (const { app, method, url, parameters, service, title } of await openOperations(t)) {
    if (!parameters.some(({ name }) => name === 'cursor')) continue
    const isNested = url.includes('/1/')
    for (const cursor of ['', 'x', 'WzEuNV0', 'W10', 'bnVsbA', 'x'.repeat(1_025)]) {
      const response = await app.inject({ method, url: `${url}?cursor=${cursor}` })
      // A list of something that does not exist is 404 where that is found first.
      const isMissing = isNested && response.statusCode === 404
      if (!isMissing) assert.equal(response.statusCode, statusOfQueryFault(service), `${title} ${cursor}`)
    }
  }
})

test('Every text in a body or a query has a largest length, and every keyword is one that faults are explained by', async (t) => {
  const explained = ['type', 'const', 'maxLength', 'minLength', 'pattern', 'minimum', 'maximum', 'anyOf']
  // The documents list constants of a query as an enum.
  const notes = ['enum', 'description', 'title', 'default', 'example', 'examples', 'x-errors', 'deprecated']
  for (const { title, parameters, bodySchema } of await openOperations(t)) {
    const fields = [
      ...parameters.filter((one) => one.in === 'query').map(({ name, schema }) => [name, schema] as const),
      ...Object.entries<Schema>(Object(bodySchema.properties)),
    ]
    for (const [name, field] of fields)
      for (const schema of [field, ...(Array.isArray(field.anyOf) ? field.anyOf : [])]) {
        const unknown = Object.keys(schema).filter((keyword) => ![...explained, ...notes].includes(keyword))
        assert.deepEqual(unknown, [], `${title}: ${name}`)
        if (schema.type === 'string' && schema.const === undefined && schema.enum === undefined)
          assert.ok(Number(schema.maxLength) <= 65_536, `${title}: ${name} has no largest length`)
      }
  }
})

test('A body that is larger than its operation accepts is 413, and the operation is described with its limit', async (t) => {
  for (const operation of await openOperations(t)) {
    const [, size] =
      /The body may have at most (\d+) KiB; a larger one is 413\./.exec(operation.description) ?? []
    assert.equal(size !== undefined, operation.mediaTypes.length > 0, operation.title)
    for (const type of operation.mediaTypes) {
      const bytesMax = Number(size) * 1_024
      assert.ok(bytesMax <= 524_288, operation.title)
      assert.notEqual(
        (await sendBody(operation, ' '.repeat(bytesMax), type)).statusCode,
        413,
        operation.title,
      )
      const response = await sendBody(operation, ' '.repeat(bytesMax + 1), type)
      assert.equal(response.statusCode, 413, operation.title)
      const { detail = response.json().message } = response.json()
      assert.equal(detail, `The body is larger than ${size} KiB.`)
      t.diagnostic(`${size} KiB are accepted by ${operation.title}, and a byte more is not`)
    }
  }
})
