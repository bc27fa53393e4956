import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameSchemas } from '../src/http/documentation/named-schemas.ts'

const info = { title: 'Sample' }
const documentOf = (schema: unknown, description = 'Found') => ({
  info,
  paths: { '/things': { get: { responses: { 200: { description, content: { schema } } } } } },
})

test('A schema with a title becomes a component of that name, within others too', () => {
  const part = { title: 'Part', type: 'string' }
  const thing = {
    title: 'Thing',
    type: 'object',
    properties: { part, parts: { type: 'array', items: part } },
  }
  const $ref = '#/components/schemas/Part'
  assert.deepEqual(nameSchemas(documentOf({ anyOf: [thing, thing] })), {
    ...documentOf({
      anyOf: [{ $ref: '#/components/schemas/Thing' }, { $ref: '#/components/schemas/Thing' }],
    }),
    components: {
      schemas: {
        Part: part,
        Thing: { ...thing, properties: { part: { $ref }, parts: { type: 'array', items: { $ref } } } },
      },
    },
  })
})

test('A member or an example that is called title is no title', () => {
  const schema = { type: 'object', properties: { title: { type: 'string' } }, examples: [{ title: 'M' }] }
  assert.deepEqual(nameSchemas(documentOf(schema)), { ...documentOf(schema), components: { schemas: {} } })
})

test('Two different schemas of one title are refused, since one of them would be lost', () => {
  const schema = [
    { title: 'Thing', type: 'string' },
    { title: 'Thing', type: 'integer' },
  ]
  assert.throws(() => nameSchemas(documentOf(schema)), /Two schemas have the title Thing\./)
})

test('A schema is the same with examples and without', () => {
  const thing = { title: 'Thing', type: 'string' }
  const $ref = '#/components/schemas/Thing'
  assert.deepEqual(nameSchemas(documentOf([{ ...thing, examples: ['x'] }, thing])), {
    ...documentOf([{ $ref }, { $ref }]),
    components: { schemas: { Thing: thing } },
  })
})

test('An answer without words of its own is described by its status', () => {
  assert.deepEqual(nameSchemas(documentOf({}, 'Default Response')), {
    ...documentOf({}, 'OK'),
    components: { schemas: {} },
  })
})
