import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeDocuments } from '../src/api-document.ts'
import type { Service } from '../src/topology.ts'

const responses = { 200: { description: 'OK' } }
const own = {
  openapi: '3.1.0',
  info: { title: 'Quintet', description: 'All.' },
  paths: { '/health': { get: { operationId: 'list', responses } } },
}

const guid: Service = {
  name: 'guid',
  paths: { '/guid': '/guid', '/guids': '/guids' },
  bodyBytesMax: 1024,
}
const billing: Service = {
  name: 'billing',
  paths: { '/api/orders': '/orders' },
  bodyBytesMax: 1024,
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
  const merged = mergeDocuments(own, [{ service: billing, document }])
  const get = { tags: ['billing'], responses }
  assert.deepEqual(merged, {
    ...own,
    components: {},
    paths: { ...own.paths, '/api/orders': { get }, '/api/orders/{id}': { get } },
  })
})

test('Names that two services use for different components are prefixed with the service', () => {
  const schema = (type: string) => ({ components: { schemas: { Item: { type }, Same: { type: 'null' } } } })
  const path = (operationId: string) => ({
    get: { operationId, responses, schema: { $ref: '#/components/schemas/Item' } },
  })
  const merged = mergeDocuments(own, [
    { service: guid, document: { ...schema('string'), paths: { '/guids': path('list') } } },
    { service: billing, document: { ...schema('object'), paths: { '/orders': path('list') } } },
  ])
  assert.deepEqual(merged, {
    ...own,
    components: {
      schemas: { Item: { type: 'string' }, Same: { type: 'null' }, billing_Item: { type: 'object' } },
    },
    paths: {
      ...own.paths,
      '/guids': {
        get: {
          tags: ['guid'],
          operationId: 'guid_list',
          responses,
          schema: { $ref: '#/components/schemas/Item' },
        },
      },
      '/api/orders': {
        get: {
          tags: ['billing'],
          operationId: 'billing_list',
          responses,
          schema: { $ref: '#/components/schemas/billing_Item' },
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
    info: { title: 'Quintet', description: 'All.\n\nNot available at the moment: guid, billing.' },
  })
  assert.equal(own.info.description, 'All.')
})

test('A malformed document adds nothing', () => {
  const document = { paths: { '/guids': 'nonsense', '/guid': [1] }, components: { schemas: null } }
  assert.deepEqual(mergeDocuments(own, [{ service: guid, document }]), { ...own, components: {} })
})
