import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { createApp, listen, prefersAsync, prefersStrict, problems } from '@quintet/chassis/http'
import type { App, AppOptions, Dependencies } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { Type } from 'typebox'

/** An app with a route for each thing that can go well or wrong, and all that it has logged. */
async function world(
  t: TestContext,
  dependencies: Dependencies = {},
  options: Partial<AppOptions> = {},
): Promise<{ app: App; logged: () => string }> {
  const lines: string[] = []
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const logger = createLogger({ service: 'sample', level: 'info', destination })
  const app = await createApp({
    name: 'sample',
    title: 'Sample',
    description: 'For tests.',
    logger,
    detailAlias: 'message',
    dependencies,
    ...options,
  })
  t.after(() => app.close())
  const body = Type.Object(
    { title: Type.String({ maxLength: 5 }), stock: Type.Integer() },
    { additionalProperties: false },
  )
  app.post(
    '/things',
    { schema: { body, tags: ['things'], response: { 201: body } } },
    async (request, reply) => {
      reply.code(201)
      return request.body
    },
  )
  app.get('/things/:id', { schema: { tags: ['things'], response: problems(404) } }, async () => {
    throw new AppError('not_found', 'Thing not found.')
  })
  app.get('/broken', async () => {
    throw new Error('select secret from /etc/passwd')
  })
  app.get('/away', async () => {
    throw dependencyDown('The database cannot be read.', new Error('no such file'))
  })
  app.get(
    '/page',
    { schema: { querystring: Type.Object({ limit: Type.Integer({ minimum: 1 }) }) } },
    async (request) => ({
      limit: request.query.limit,
    }),
  )
  const logged = () => {
    logger.flush()
    return lines.join('')
  }
  return { app, logged }
}

const post = (
  app: App,
  payload: string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => app.inject({ method: 'POST', url: '/things', payload, headers })

test('A body is neither coerced nor stripped: all its faults are reported at once, by field', async (t) => {
  const { app } = await world(t)
  const response = await post(app, '{"title":7,"stock":"3","foo":1}')
  assert.equal(response.statusCode, 400)
  assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
  const problem = response.json()
  assert.deepEqual(problem.errors, {
    foo: 'foo is not a field of this request.',
    stock: 'stock must be a whole number.',
    title: 'title must be a string.',
  })
  assert.equal(problem.type, 'urn:quintet:problem:invalid')
  assert.equal(problem.instance, response.headers['x-request-id'])
  assert.equal(problem.message, problem.detail)
})

test('A missing member and a body that is no object are named as such', async (t) => {
  const { app } = await world(t)
  assert.deepEqual((await post(app, '{}')).json().errors, {
    title: 'title is required.',
    stock: 'stock is required.',
  })
  assert.deepEqual((await post(app, '[]')).json().errors, { body: 'The body must be a JSON object.' })
})

test('Where a service says so, values of the wrong type are 422; with anything missing or unknown it is 400', async (t) => {
  const { app } = await world(t, {}, { wrongValueCode: 'unprocessable' })
  const wrong = await post(app, '{"title":"too long","stock":"3"}')
  assert.equal(wrong.statusCode, 422)
  assert.equal(wrong.json().type, 'urn:quintet:problem:unprocessable')
  assert.deepEqual(Object.keys(wrong.json().errors).sort(), ['stock', 'title'])
  assert.equal((await app.inject('/page?limit=five')).statusCode, 422)
  for (const body of ['{"title":7}', '{"title":7,"stock":3,"foo":1}', '{}', '[]', 'null'])
    assert.equal((await post(app, body)).statusCode, 400, body)
})

test('JSON with more than 10,000 members and elements is refused before it is parsed, whatever its texts have', async (t) => {
  const { app } = await world(t)
  app.post('/anything', async () => ({ done: true }))
  const statusOf = async (payload: string) => {
    const headers = { 'content-type': 'application/json' }
    return (await app.inject({ method: 'POST', url: '/anything', headers, payload })).statusCode
  }
  const members = (count: number) => `{${Array.from({ length: count }, (_, i) => `"m${i}":1`).join(',')}}`
  const text = JSON.stringify(',"\\,'.repeat(20_000))
  for (const few of [members(10_000), `[${'0,'.repeat(9_999)}0]`, text, `["\\\\",${text},"\\""]`])
    assert.equal(await statusOf(few), 200)
  for (const many of [members(10_001), `[${'0,'.repeat(10_000)}0]`, `[${text},${'{},'.repeat(10_000)}1]`])
    assert.equal(await statusOf(many), 400)
})

test('JSON that is nested more than 64 levels deep is refused before it is parsed, whatever its texts have', async (t) => {
  const { app } = await world(t)
  app.post('/anything', async () => ({ done: true }))
  const post = (payload: string) => {
    const headers = { 'content-type': 'application/json' }
    return app.inject({ method: 'POST', url: '/anything', headers, payload })
  }
  const arrays = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const objects = (depth: number) => '{"a":'.repeat(depth) + 1 + '}'.repeat(depth)
  const text = JSON.stringify('[{"\\'.repeat(100))
  for (const flat of [
    arrays(64),
    objects(64),
    `[${'[{}],'.repeat(500)}1]`,
    text,
    `[${text},{${text}:${text}}]`,
  ])
    assert.equal((await post(flat)).statusCode, 200, flat)
  const mixed = '[{"a":'.repeat(32)
  for (const deep of [
    arrays(65),
    objects(65),
    `${mixed}[]`,
    '['.repeat(100_000),
    `[${text},${arrays(64)}]`,
  ]) {
    const { statusCode, body } = await post(deep)
    assert.equal(statusCode, 400, deep)
    assert.match(body, /The body is nested more than 64 levels deep\./)
  }
})

test('A DELETE may have any body, which has no meaning', async (t) => {
  const { app } = await world(t)
  app.delete('/things/:id', async (_request, reply) => reply.code(204).send(null))
  for (const type of ['application/json', 'text/plain', 'nonsense'])
    for (const payload of ['', '{}', '{']) {
      const headers = { 'content-type': type }
      assert.equal(
        (await app.inject({ method: 'DELETE', url: '/things/1', headers, payload })).statusCode,
        204,
      )
    }
})

test('Text from the query is converted to the type that the schema requires', async (t) => {
  const { app } = await world(t)
  assert.deepEqual((await app.inject('/page?limit=5')).json(), { limit: 5 })
  for (const text of ['five', 'true', '5n', '', '5&limit=5'])
    assert.equal((await app.inject(`/page?limit=${text}`)).statusCode, 400, text)
})

test('Malformed JSON is 400, an empty body 400, another media type 415, more than 1 MiB 413', async (t) => {
  const { app } = await world(t)
  assert.equal((await post(app, '{"title":')).statusCode, 400)
  assert.equal((await post(app, '')).statusCode, 400)
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/xml'])
    assert.equal((await post(app, 'title=x', { 'content-type': type })).statusCode, 415, type)
  const large = await post(app, JSON.stringify({ title: 'x'.repeat(1_048_577), stock: 1 }))
  assert.equal(large.statusCode, 413)
  assert.equal(large.json().status, 413)
})

test('A wrong method is 405 with Allow, an unknown path 404, and a trailing slash never matters', async (t) => {
  const { app } = await world(t)
  const wrong = await app.inject({ method: 'DELETE', url: '/things/1/' })
  assert.equal(wrong.statusCode, 405)
  assert.equal(wrong.headers.allow, 'GET, HEAD')
  assert.equal((await app.inject('/nowhere')).statusCode, 404)
  assert.equal((await app.inject('/things/1')).json().detail, 'Thing not found.')
  assert.equal((await app.inject('/things/1/')).json().detail, 'Thing not found.')
})

test('Accept that excludes JSON is 406; Accept that admits plain JSON alone gets the problem under that type', async (t) => {
  const { app } = await world(t)
  const html = await app.inject({ url: '/things/1', headers: { accept: 'text/html' } })
  assert.equal(html.statusCode, 406)
  const plain = await app.inject({ url: '/things/1', headers: { accept: 'application/json' } })
  assert.equal(plain.statusCode, 404)
  assert.match(String(plain.headers['content-type']), /^application\/json/)
  const browser = await app.inject({ url: '/things/1', headers: { accept: 'text/html,*/*;q=0.8' } })
  assert.match(String(browser.headers['content-type']), /^application\/problem\+json/)
})

test('Accept is read as RFC 9110 says: parameters, weights and specificity', async (t) => {
  const { app } = await world(t)
  const statusOf = async (accept: string) =>
    (await app.inject({ url: '/page?limit=1', headers: { accept } })).statusCode
  for (const accept of [
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json;version=1',
    'APPLICATION/JSON',
    'text/html, application/json;q=0.001',
    'application/*',
    '*/*;q=0.1',
    'text/html, *; q=.2',
    'text/html;x="a,b", application/json',
    'text/html;q=0, */*',
    'application/problem+json;q=0, application/json',
    'application/json;profile="x";q=0, */*',
    'application/json;q=nonsense',
    ',, application/json ,',
    '',
  ])
    assert.equal(await statusOf(accept), 200, accept)
  for (const accept of [
    'application/json;q=0',
    'application/json; Q=0.000, */*',
    'application/*;q=0, */*',
    'application/json;q=0, application/*',
    'application/problem+json',
    'application/problem+json, application/json;q=0',
    'text/html;x="application/json,*/*"',
    'application/jsonp',
    '*/*;q=0',
  ])
    assert.equal(await statusOf(accept), 406, accept)
})

test('An error is of the type of problem documents, unless plain JSON is preferred', async (t) => {
  const { app } = await world(t)
  const typeOf = async (accept: string) =>
    (await app.inject({ url: '/things/1', headers: { accept } })).headers['content-type']
  for (const accept of [
    '*/*',
    'application/json, application/problem+json',
    'application/*',
    'text/html, */*',
  ])
    assert.equal(await typeOf(accept), 'application/problem+json; charset=utf-8', accept)
  for (const accept of ['application/json;charset=utf-8', 'application/json, */*;q=0.5'])
    assert.equal(await typeOf(accept), 'application/json; charset=utf-8', accept)
})

test('A 500 has only its request id, under which the log has the cause', async (t) => {
  const { app, logged } = await world(t)
  const response = await app.inject({ url: '/broken', headers: { 'x-request-id': 'trace-me' } })
  assert.equal(response.statusCode, 500)
  assert.equal(response.json().instance, 'trace-me')
  assert.doesNotMatch(response.body, /secret|passwd|stack/)
  const line = logged()
    .split('\n')
    .find((text) => text.includes('/etc/passwd'))
  assert.match(String(line), /"requestId":"trace-me"/)
})

test('A dependency that is away is 503 with Retry-After', async (t) => {
  const { app } = await world(t)
  const response = await app.inject('/away')
  assert.equal(response.statusCode, 503)
  assert.equal(response.headers['retry-after'], '1')
  assert.doesNotMatch(response.body, /no such file/)
})

test('A request id that could forge headers or log lines is replaced; a harmless one is kept', async (t) => {
  const { app } = await world(t)
  const kept = await app.inject({ url: '/things/1', headers: { 'x-request-id': 'abc-1' } })
  assert.equal(kept.headers['x-request-id'], 'abc-1')
  const replaced = await app.inject({ url: '/things/1', headers: { 'x-request-id': 'a b\u001b[31m"' } })
  assert.match(String(replaced.headers['x-request-id']), /^[\w-]+$/)
})

test('Each request leaves one log line, which is JSON whatever the path holds, with the trace it belongs to', async (t) => {
  const { app, logged } = await world(t)
  await app.inject({
    url: '/things/%22%0A%1b?password=x',
    headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
  })
  const lines = logged().trim().split('\n')
  assert.equal(lines.length, 1)
  const line = JSON.parse(String(lines[0]))
  assert.equal(line.traceId, '4bf92f3577b34da6a3ce929d0e0e4736')
  assert.equal(line.route, '/things/:id')
  assert.equal(line.status, 400)
  assert.doesNotMatch(logged(), /password/)
})

test('Readiness names the dependencies that do not respond, with reasons that may be published; liveness is independent of them', async (t) => {
  const { app } = await world(t, {
    database: () => Promise.reject(new AppError('dependency_down', 'Two migrations are not applied.')),
    cache: async () => {},
    queue: () => Promise.reject(new Error('secret@gone')),
  })
  const ready = await app.inject('/health/ready')
  assert.equal(ready.statusCode, 503)
  assert.equal(ready.json().detail, 'Not responding: database, queue.')
  assert.deepEqual(ready.json().errors, {
    database: 'Two migrations are not applied.',
    queue: 'It is unavailable.',
  })
  assert.deepEqual((await app.inject('/health/live')).json(), { status: 'live' })
})

test('Readiness is 200 with each dependency when all answer', async (t) => {
  const { app } = await world(t, { database: async () => {} })
  assert.deepEqual((await app.inject('/health/ready')).json(), {
    status: 'ready',
    dependencies: { database: 'up' },
  })
})

test('Metrics count requests by method, route and status', async (t) => {
  const { app } = await world(t)
  await app.inject('/things/1')
  await app.inject('/things/2')
  const { body, headers } = await app.inject('/metrics')
  assert.match(String(headers['content-type']), /^text\/plain/)
  assert.match(
    body,
    /^http_server_request_duration_seconds_count\{http_request_method="GET",http_route="\/things\/:id",http_response_status_code="404"\} 2$/m,
  )
})

test('Closing finishes what is in flight and takes no new connection', async (t) => {
  const { app } = await world(t)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  app.get('/slow', async () => {
    begin()
    await held
    return { done: true }
  })
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  const answer = fetch(`${address}/slow`)
  await begun
  const closed = app.close()
  await until(() => !app.server.listening)
  await assert.rejects(fetch(`${address}/health/live`))
  release()
  assert.deepEqual(await (await answer).json(), { done: true })
  await closed
})

test('A preference is found in whatever header line, case and notation it comes, and only when it is whole', () => {
  for (const prefer of [
    'respond-async',
    'Respond-Async; wait=5',
    'return=minimal, respond-async',
    ['x', 'respond-async'],
  ])
    assert.ok(prefersAsync(prefer), String(prefer))
  for (const prefer of [
    'handling=strict',
    'Handling = "strict"',
    'wait=1, handling=strict;foo',
    'handling=strict, handling=lenient',
    'x="handling=lenient, ", handling=strict',
    'x="\\", handling=lenient", handling="st\\rict"',
    ['handling=strict', 'handling=lenient'],
  ])
    assert.ok(prefersStrict(prefer), String(prefer))
  for (const prefer of [
    undefined,
    '',
    'handling',
    'handling=lenient',
    'strict',
    'not-handling=strict',
    'handling=lenient, handling=strict',
    'handling, handling=strict',
    'x="a, handling=strict, respond-async"',
    'x=1; handling=strict; respond-async',
    ['handling=lenient', 'handling=strict'],
  ])
    assert.ok(!prefersStrict(prefer) && !prefersAsync(prefer), String(prefer))
})
