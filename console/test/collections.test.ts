import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { collectionsIn } from '../src/collections.ts'

const document = JSON.parse(
  readFileSync(new URL('../../contracts/openapi/gateway.json', import.meta.url), 'utf8'),
)

test('The lists of all services are found in the document of the gateway, with their filters', () => {
  const found = collectionsIn(document)
  for (const expected of [
    {
      ...{ service: 'guid', name: 'guids', path: '/guids', title: 'GUIDs', parameters: [] },
      filters: ['user', 'expiring_before'],
    },
    {
      ...{ service: 'brokerage', name: 'ledger', path: '/accounts/{id}/ledger', title: 'Ledger' },
      ...{ parameters: ['id'], filters: [] },
    },
    {
      ...{ service: 'inventory', name: 'movies', path: '/api/movies', title: 'Movies', parameters: [] },
      filters: ['title'],
    },
    {
      ...{ service: 'billing', name: 'orders', path: '/api/orders', title: 'Orders', parameters: [] },
      filters: ['user_id'],
    },
    {
      ...{ service: 'certificates', name: 'certificates', path: '/certificates', title: 'Certificates' },
      ...{ parameters: [], filters: ['expiring_before'] },
    },
  ])
    assert.deepEqual(
      found.find(({ path }) => path === expected.path),
      expected,
    )
  assert.ok(!found.some(({ path }) => path === '/market' || path === '/api/movies/{id}'))
})

test('A list of one more service is found as well, and each is identified by its service and its name', () => {
  const list = {
    tags: ['reviews'],
    operationId: 'inventory_listReviews',
    summary: 'List reviews',
    responses: {},
  }
  const response = { content: { 'application/json': { schema: { type: 'array', items: {} } } } }
  const reviews = { get: { ...list, responses: { 200: response } } }
  const found = collectionsIn({ ...document, paths: { ...document.paths, '/reviews': reviews } })
  assert.deepEqual(found.at(-1), {
    ...{ service: 'reviews', name: 'reviews', path: '/reviews', title: 'Reviews' },
    ...{ parameters: [], filters: [] },
  })
  const names = found.map(({ service, name }) => `${service} ${name}`)
  assert.deepEqual(names, [...new Set(names)])
})

test('Of a document that is none there are no lists', () => {
  for (const other of [undefined, null, 'x', {}, { paths: null }, { paths: { '/x': 1 } }])
    assert.deepEqual(collectionsIn(other), [])
})
