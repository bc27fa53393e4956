import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedResponses } from '@quintet/chassis/http'
import { mergeDocuments } from '../src/api-document.ts'
import type { Service } from '../src/topology.ts'

const responses = { 200: { description: 'OK' } }
/** What the gateway itself may send for each request that it forwards. */
const forwarded = {
  ...responses,
  408: { $ref: '#/components/responses/RequestTimeout' },
  429: { $ref: '#/components/responses/TooManyRequests' },
  431: { $ref: '#/components/responses/RequestHeaderFieldsTooLarge' },
  502: { $ref: '#/components/responses/BadGateway' },
  503: { $ref: '#/components/responses/ServiceUnavailable' },
  504: { $ref: '#/components/responses/GatewayTimeout' },
}
const own = {
  openapi: '3.1.0',
  info: { title: 'Quintet', description: 'All.' },
  paths: {
    '/health': {
      get: {
        operationId: 'list',
        // A client has a share of the gateway's own operations too.
        responses: { ...responses, 429: { $ref: '#/components/responses/TooManyRequests' } },
      },
    },
  },
}

const guid: Service = {
  name: 'guid',
  paths: { '/guid': '/guid', '/guids': '/guids' },
  bodyBytesMax: 1024,
  scopes: 'guid',
}
const billing: Service = {
  name: 'billing',
  paths: { '/api/orders': '/orders' },
  bodyBytesMax: 1024,
  scopes: 'orders',
}

test('The paths of a service that the gateway forwards are added, under their public names', () => {
  const document = {
    paths: {
      '/orders': { get: { responses } },
      '/orders/{id}': { get: { responses } },
      '/ordersx': {},
      '/metrics': { get: {} },
    },
  }
  const { components, ...merged } = Object(mergeDocuments(own, [{ service: billing, document }]))
  const get = { tags: ['billing'], responses: forwarded }
  assert.deepEqual(Object.keys(components.responses), Object.values(forwarded).flatMap(nameOf))
  assert.deepEqual(merged, {
    ...own,
    tags: [{ name: 'billing' }],
    paths: { ...own.paths, '/api/orders': { get }, '/api/orders/{id}': { get } },
  })
})

function nameOf(response: object): string[] {
  return '$ref' in response ? [String(response.$ref).replace('#/components/responses/', '')] : []
}

test('A service is one tag, with the description of its document; components that nothing refers to are left out', () => {
  const document = {
    info: { description: 'Keeps orders.' },
    paths: { '/orders': { get: { responses } } },
    components: { schemas: { Unused: { type: 'string' } } },
  }
  const tags = [{ name: 'health' }, { name: 'billing' }]
  const merged = Object(mergeDocuments({ ...own, tags }, [{ service: billing, document }]))
  assert.deepEqual(merged.tags, [{ name: 'health' }, { name: 'billing', description: 'Keeps orders.' }])
  assert.equal(merged.components.schemas, undefined)
})

test('Names that two services use for different components are prefixed with the service', () => {
  const schema = (type: string) => ({ components: { schemas: { Item: { type }, Same: { type: 'null' } } } })
  const path = (operationId: string) => ({
    get: {
      operationId,
      responses,
      schema: { $ref: '#/components/schemas/Item' },
      same: { $ref: '#/components/schemas/Same' },
    },
  })
  const merged = mergeDocuments(own, [
    { service: guid, document: { ...schema('string'), paths: { '/guids': path('list') } } },
    { service: billing, document: { ...schema('object'), paths: { '/orders': path('list') } } },
  ])
  const { components, ...rest } = Object(merged)
  assert.deepEqual(components.schemas, {
    Item: { type: 'string' },
    Same: { type: 'null' },
    billing_Item: { type: 'object' },
  })
  assert.deepEqual(rest, {
    ...own,
    tags: [{ name: 'guid' }, { name: 'billing' }],
    paths: {
      ...own.paths,
      '/guids': {
        get: {
          tags: ['guid'],
          operationId: 'guid_list',
          responses: forwarded,
          schema: { $ref: '#/components/schemas/Item' },
          same: { $ref: '#/components/schemas/Same' },
        },
      },
      '/api/orders': {
        get: {
          tags: ['billing'],
          operationId: 'billing_list',
          responses: forwarded,
          schema: { $ref: '#/components/schemas/billing_Item' },
          same: { $ref: '#/components/schemas/Same' },
        },
      },
    },
  })
})

test('A service without a document is named as not available', () => {
  const merged = mergeDocuments(own, [
    { service: guid, document: undefined },
    { service: billing, document: undefined },
  ])
  assert.deepEqual(merged, {
    ...own,
    components: { responses: { TooManyRequests: sharedResponses.TooManyRequests } },
    info: { title: 'Quintet', description: 'All.\n\nNot available at the moment: guid, billing.' },
  })
  assert.equal(own.info.description, 'All.')
})

test('A malformed document adds nothing', () => {
  const document = { paths: { '/guids': 'nonsense', '/guid': [1] }, components: { schemas: null } }
  assert.deepEqual(mergeDocuments(own, [{ service: guid, document }]), {
    ...own,
    tags: [{ name: 'guid' }],
    components: { responses: { TooManyRequests: sharedResponses.TooManyRequests } },
  })
})
