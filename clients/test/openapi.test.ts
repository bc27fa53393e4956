import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { publishedDocuments } from '../openapi.ts'

/** What every OpenAPI document of the system has, however its routes are written. */

const documents = await publishedDocuments()
const rules = await createConfig({
  extends: ['recommended-strict'],
  rules: { 'operation-description': 'error' },
})

for (const [name, document] of documents) {
  test(`The document of ${name} breaks no rule of Redocly's recommended-strict, and describes each operation`, async () => {
    assert.deepEqual(await lint(document), [])
  })

  test(`Each operation of ${name} has its statuses, with the id of the request in all responses`, () => {
    for (const { operation, method, id } of operationsOf(document)) {
      for (const status of [400, 406, 412, 431, 500, 503])
        assert.ok(status in operation.responses, `${id} ${status}`)
      if (operation.requestBody !== undefined)
        for (const status of [413, 415]) assert.ok(status in operation.responses, `${id} ${status}`)
      if (method === 'get') assert.ok(304 in operation.responses, id)
      for (const [status, response] of Object.entries(operation.responses))
        assert.ok('X-Request-Id' in Object(resolve(document, response).headers), `${id} ${status}`)
    }
  })

  test(`Each operation of ${name} has the header fields that belong to its statuses`, () => {
    for (const { operation, method, id } of operationsOf(document)) {
      const parameters = listOf(operation.parameters).map((one) => String(resolve(document, one).name))
      const headersOf = (status: number) =>
        Object.keys(Object(resolve(document, operation.responses[status]).headers))
      assert.equal(parameters.includes('If-Match'), parameters.includes('If-None-Match'), id)
      if (201 in operation.responses)
        for (const field of ['Location', 'ETag']) assert.ok(headersOf(201).includes(field), id)
      if (method === 'get' && parameters.includes('If-Match'))
        assert.ok(headersOf(304).includes('ETag') && headersOf(200).includes('ETag'), id)
      if (parameters.includes('cursor')) assert.ok(headersOf(200).includes('Link'), id)
      if (method === 'post' && id !== 'verifyPassword') assert.ok(parameters.includes('Idempotency-Key'), id)
      if (parameters.includes('Idempotency-Key'))
        assert.ok(409 in operation.responses && 422 in operation.responses, id)
      assert.ok(headersOf(503).includes('Retry-After'), id)
    }
  })
}

test('The linter reports what it should, such as an operation without a description or a summary', async () => {
  const document = structuredClone(documents.get('guid'))
  const [first] = operationsOf(document)
  assert.ok(first !== undefined)
  Object.assign(first.operation, { description: undefined, summary: undefined })
  assert.deepEqual(await lint(document), ['operation-description', 'operation-summary'])
})

test('No document has the sentences of error messages', () => {
  for (const [name, document] of documents) assert.doesNotMatch(JSON.stringify(document), /"x-/, name)
})

test('The operations whose routes evaluate conditions themselves take If-Match', () => {
  const conditional = ['guid', 'brokerage', 'certificates', 'inventory', 'billing'].flatMap((name) => {
    const document = documents.get(name)
    return operationsOf(document).filter(({ operation }) =>
      listOf(operation.parameters).some((one) => resolve(document, one).name === 'If-Match'),
    )
  })
  assert.deepEqual(conditional.map(({ id }) => id).toSorted(), [
    'changeCertificate',
    'changeGuid',
    'changeMovie',
    'changeUser',
    'deleteAllMovies',
    'deleteCertificate',
    'deleteGuid',
    'deleteMovie',
    'deleteUser',
    'getAccount',
    'getCertificate',
    'getGuid',
    'getMovie',
    'getOperation',
    'getUser',
    'setCertificateActive',
  ])
})

test('Through the gateway each operation of a service may also get the errors of the gateway', () => {
  for (const { operation, id } of operationsOf(documents.get('gateway')).filter(({ path }) =>
    path.startsWith('/guid'),
  ))
    for (const status of [408, 429, 431, 502, 503, 504])
      assert.ok(status in operation.responses, `${id} ${status}`)
})

test('Orders as forms have their own body, and statuses of refusals that no other format has', () => {
  const orders = operationsOf(documents.get('brokerage')).find(({ id }) => id === 'placeOrders')
  const { requestBody, responses } = Object(orders?.operation)
  assert.deepEqual(Object.keys(requestBody.content), [
    'application/json',
    'application/x-www-form-urlencoded',
  ])
  for (const status of [403, 425])
    assert.equal(
      responses[status].content['application/json'].schema.$ref,
      '#/components/schemas/OutcomeEnvelope',
    )
})

type Operation = {
  responses: Record<string, unknown>
  parameters?: unknown
  requestBody?: unknown
}

function operationsOf(
  document: unknown,
): { path: string; method: string; id: string; operation: Operation }[] {
  const paths: Record<string, Record<string, Operation>> = Object(document).paths
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      path,
      method,
      id: String(Reflect.get(operation, 'operationId')),
      operation,
    })),
  )
}

async function lint(document: unknown): Promise<string[]> {
  const source = JSON.stringify(document)
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config: rules })
  return problems.map(({ ruleId }) => ruleId).toSorted()
}

/** The object itself, or the component that it refers to. */
function resolve(document: unknown, value: unknown): Record<string, unknown> {
  const { $ref } = Object(value)
  if (typeof $ref !== 'string') return Object(value)
  const [, , kind = '', name = ''] = $ref.split('/')
  return Object(Object(document).components[kind][name])
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
