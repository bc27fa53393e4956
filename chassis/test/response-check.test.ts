import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { problems, sendJson } from '@quintet/chassis/http'
import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { createSampleApp } from './sample-app.ts'

const Thing = Type.Object({ id: Type.Integer(), tags: Type.Array(Type.Object({ name: Type.String() })) })

/** An app whose only route sends what the test says. */
async function createWorld(t: TestContext, options: { checkResponses?: boolean } = { checkResponses: true }) {
  const app = await createSampleApp(t, options)
  let response: [status: number, body: string] = [200, '']
  const schema: FastifySchema = { response: { 200: Thing, ...problems(404) } }
  app.get('/things', { schema }, async (_request, reply) => sendJson(reply.code(response[0]), response[1]))
  app.get('/free', async (_request, reply) => sendJson(reply, '{"any":"thing"}'))
  return async (status: number, body: unknown, url = '/things') => {
    response = [status, JSON.stringify(body)]
    return app.inject(url)
  }
}

test('A response that fits its description is sent', async (t) => {
  const respond = await createWorld(t)
  assert.equal((await respond(200, { id: 1, tags: [{ name: 'a' }] })).statusCode, 200)
  assert.equal((await respond(200, {}, '/free')).statusCode, 200)
  assert.equal((await respond(200, {}, '/nowhere')).statusCode, 404)
})

for (const [title, status, body] of [
  ['of the wrong type', 200, { id: '1', tags: [] }],
  ['without a member', 200, { id: 1 }],
  ['with a member too many', 200, { id: 1, tags: [], secret: 'x' }],
  ['with a member too many further inside', 200, { id: 1, tags: [{ name: 'a', secret: 'x' }] }],
  ['with a status that is not described', 201, { id: 1, tags: [] }],
  ['that should be a problem document', 404, { message: 'gone' }],
] as const)
  test(`A response ${title} becomes a 500 that says what is wrong`, async (t) => {
    const response = await (await createWorld(t))(status, body)
    assert.equal(response.statusCode, 500)
    assert.match(
      response.json().detail,
      new RegExp(`^The response GET /things ${status} does not fit its description: .+`),
    )
    assert.doesNotMatch(response.body, /gone/)
  })

test('Outside of tests and development no response is checked', async (t) => {
  const respond = await createWorld(t, {})
  assert.equal((await respond(200, { id: '1' })).statusCode, 200)
})
