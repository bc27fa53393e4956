import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { addData } from '../src/data.ts'
import { observed } from './observed.ts'

/** The data of a console before a gateway that responds as it is told to, and the requests that this has received. */
async function createWorld(t: TestContext, respond: RequestListener, timeoutMs = 30_000) {
  const requests: { method: string | undefined; url: string | undefined; headers: object }[] = []
  const server = createServer((request, response) => {
    const { method, url, headers } = request
    requests.push({ method, url, headers })
    respond(request, response)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const bound = server.address()
  const port = typeof bound === 'object' ? (bound?.port ?? 0) : 0
  const logger = createLogger({ service: 'console', level: 'silent' })
  const app = await createApp({ name: 'console', title: 'Console', description: 'For tests.', logger })
  t.after(() => app.close())
  const limits = { timeoutMs, bytesMax: 1_000 }
  const data = addData(app, { services: [observed('gateway', `http://127.0.0.1:${port}`)], limits })
  return {
    app,
    data,
    requests,
    get: (url: string, headers: Readonly<Record<string, string>> = {}) =>
      app.inject({ method: 'GET', url, headers }),
  }
}

const json =
  (text: string, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(text)
  }

test('A path that does not begin as it is written here reaches no other host', async (t) => {
  const { get, requests } = await createWorld(t, json('[]'))
  for (const path of ['/%61pi/data/guids', '/api/dat%61/guids'])
    assert.equal((await get(path)).statusCode, 404, path)
  assert.deepEqual(requests, [])
})

test('A read is passed on as a GET with the credentials of the viewer, and nothing else of its request', async (t) => {
  const { get, requests } = await createWorld(t, json('[{"total":0.10}]'))
  const response = await get('/api/data/api/movies?title=a%2Fb&limit=1', {
    ...{ authorization: 'Bearer t', 'x-api-key': 'k', cookie: 'session=s' },
    ...{ 'x-forwarded-for': '192.0.2.1', 'x-quintet-console': '1' },
  })
  // As it came, with the digits of its numbers.
  assert.deepEqual([response.statusCode, response.body], [200, '[{"total":0.10}]'])
  const [request] = requests
  assert.deepEqual([request?.method, request?.url], ['GET', '/api/movies?title=a%2Fb&limit=1'])
  const { authorization, 'x-api-key': key, accept, ...others } = Object(request?.headers)
  assert.deepEqual([authorization, key, accept], ['Bearer t', 'k', 'application/json'])
  for (const name of ['cookie', 'x-forwarded-for', 'x-quintet-console']) assert.ok(!(name in others), name)
})

test('The version of a row and the next page of a list are passed back, and cookies are not', async (t) => {
  const headers = { etag: '"7"', link: '</guids?cursor=x>; rel="next"', 'set-cookie': 'a=b', location: '/x' }
  const { get } = await createWorld(t, json('[]', headers))
  const { headers: fields } = await get('/api/data/guids')
  assert.equal(fields.etag, '"7"')
  assert.equal(fields.link, '</api/data/guids?cursor=x>; rel="next"')
  assert.deepEqual([fields['set-cookie'], fields.location], [undefined, undefined])
})

test('What no service has, and every other method, never reaches the gateway', async (t) => {
  const { app, get, requests } = await createWorld(t, json('[]'))
  for (const path of ['/metrics', '/api/billing', '/guids/../metrics', '/guids/%2e%2e/health', '/guidsx'])
    assert.equal((await get(`/api/data${path}`)).statusCode, 404, path)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    const response = await app.inject({ method, url: '/api/data/guids', payload: {} })
    assert.equal(response.statusCode, 405, method)
  }
  assert.deepEqual(requests, [])
})

for (const [title, respond, status] of [
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://192.0.2.1/' }).end(), 502],
  ['a page', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'), 502],
  ['more than it may', json(`[${'"x",'.repeat(1_000)}1]`), 502],
  ['nothing', () => {}, 504],
  [
    'half a response',
    (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('['),
    504,
  ],
  ['an ended connection', (request) => void request.socket.destroy(), 503],
] as const satisfies readonly (readonly [string, RequestListener, number])[])
  test(`A gateway that responds with ${title} gives ${status} with a sentence`, async (t) => {
    const { get, data, requests } = await createWorld(t, respond, status === 504 ? 300 : undefined)
    const response = await get('/api/data/guids')
    assert.equal(response.statusCode, status)
    assert.match(response.json().detail, /^The (gateway|response) .*\.$/)
    assert.deepEqual(await data.collections(), [])
    assert.deepEqual(
      requests.map(({ url }) => url),
      ['/guids', '/openapi.json'],
    )
  })
