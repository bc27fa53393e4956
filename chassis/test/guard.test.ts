import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import type { Authenticator, Decision, Limits, Principal } from '../src/guard/context.ts'
import { limitsBy } from './fixed-limits.ts'
import { createSampleApp } from './sample-app.ts'
import { sendBytes } from './sockets.ts'

const security = [
  'x-content-type-options: nosniff',
  'referrer-policy: no-referrer',
  "content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
]
const host = 'host: here\r\nconnection: close\r\n'

/** One request for each way that a response can take, and the status without a guard. */
const ways: readonly (readonly [name: string, request: string, status: number])[] = [
  ['the fast path', `GET /things/1 HTTP/1.1\r\n${host}\r\n`, 200],
  ['the fast path with a promise', `GET /things/later HTTP/1.1\r\n${host}\r\n`, 200],
  ['its route', `GET /things/1?a=b HTTP/1.1\r\n${host}\r\n`, 200],
  ['HTTP/1.0', 'GET /things/1 HTTP/1.0\r\n\r\n', 200],
  ['an absolute target', `GET http://here/things/1 HTTP/1.1\r\n${host}\r\n`, 200],
  ['HEAD', `HEAD /things/1 HTTP/1.1\r\n${host}\r\n`, 200],
  ['a condition', `GET /things/1 HTTP/1.1\r\n${host}if-none-match: "1"\r\n\r\n`, 304],
  [
    'a body',
    `POST /things HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    201,
  ],
  [
    'a body that is too large',
    `POST /things HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 9999999\r\n\r\n`,
    413,
  ],
  [
    'a body that is not JSON',
    `POST /things HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 1\r\n\r\n{`,
    400,
  ],
  ['no route', `GET /nothing HTTP/1.1\r\n${host}\r\n`, 404],
  ['another method', `DELETE /things/1 HTTP/1.1\r\n${host}\r\n`, 405],
  ['a path that cannot be decoded', `GET /things/%zz HTTP/1.1\r\n${host}\r\n`, 400],
  ['a bug', `GET /broken HTTP/1.1\r\n${host}\r\n`, 500],
  ['a raw response', `GET /raw HTTP/1.1\r\n${host}\r\n`, 200],
  ['an implicit head', `GET /implicit HTTP/1.1\r\n${host}\r\n`, 200],
  ['a file', `GET /docs/page.js HTTP/1.1\r\n${host}\r\n`, 200],
  ['readiness', `GET /health/ready HTTP/1.1\r\n${host}\r\n`, 200],
  ['metrics', `GET /metrics HTTP/1.1\r\n${host}\r\n`, 200],
  ['the server', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, 204],
]
/** Requests whose form is refused, with or without a guard. */
const malformed = [
  [`GET /things/../1 HTTP/1.1\r\n${host}\r\n`, 400],
  ['GET /things/1 HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
  [`POST /things HTTP/1.1\r\n${host}expect: 200-ok\r\ncontent-length: 2\r\n\r\n`, 417],
] as const

/** A service with a route for each of these ways, which counts the requests that reach it. */
async function start(t: TestContext, options: Partial<AppOptions> = {}) {
  const seen: (Principal | undefined)[] = []
  const app = await createSampleApp(t, options)
  app.fastPaths.push({
    route: '/things/:id',
    prefix: '/things/',
    find(id) {
      const response = { etag: '"1"', body: '{}' }
      if (id === '1') return response
      return id === 'later' ? Promise.resolve(response) : undefined
    },
  })
  app.addHook('preHandler', async (request) => {
    seen.push(request.principal)
  })
  app.get('/things/:id', async (request, reply) => {
    reply.header('etag', '"1"').type('application/json; charset=utf-8')
    return request.headers['if-none-match'] === '"1"' ? reply.code(304).send() : '{}'
  })
  app.post('/things', async (request, reply) => reply.code(201).send(request.body))
  app.get('/broken', async () => {
    throw new Error('a bug')
  })
  app.get('/raw', (_, reply) => {
    reply.hijack()
    reply.raw
      .writeHead(200, ['Content-Type', 'text/plain', 'RateLimit', 'of another', 'Vary', 'accept'])
      .end('raw')
  })
  app.get('/listed', (_, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, ['Vary', 'accept, Origin', 'Link', '</a>; rel="next"']).end()
  })
  app.get('/implicit-list', async (_, reply) => reply.header('vary', 'ORIGIN').send('list'))
  app.get('/implicit', (_, reply) => {
    reply.hijack()
    reply.raw.setHeader('x-own', '1')
    reply.raw.end('implicit')
  })
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  return {
    app,
    seen,
    port: Number(port),
    send: async (bytes: string) => parse(await sendBytes(Number(port), bytes)),
  }
}

function parse(text: string) {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  const [line = '', ...fields] = head.split('\r\n')
  return { status: Number(line.split(' ')[1]), fields, body, text }
}

/** Limits that decide the same about each request, at once or later. */
function limitsOf(decision: Partial<Decision>, { isLater = false, released = () => {} } = {}): Limits {
  const whole = { refusal: undefined, fields: [], release: released, ...decision }
  return limitsBy(() => (isLater ? pause(1).then(() => whole) : whole))
}

const tooMany = new AppError('too_many_requests', 'Too many.', { retryAfterSeconds: 7 })
const refusing = { refusal: { error: tooMany, fields: ['ratelimit', '"a";r=0;t=7'] } }

test('Each response has the security fields once, whichever way it takes, with and without a guard', async (t) => {
  for (const guardParts of [{}, { limits: limitsOf({}) }]) {
    const { send } = await start(t, { guardParts })
    for (const [name, request, status] of ways) {
      const response = await send(request)
      assert.equal(response.status, status, name)
      for (const field of security) assert.equal(countOf(response, field), 1, `${name}: ${field}`)
    }
    for (const bytes of [
      ...malformed.map(([request]) => request),
      'nonsense\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n',
    ])
      for (const field of security) assert.equal(countOf(await send(bytes), field), 1, bytes)
  }
})

test('The page of the documentation has its own policy instead', async (t) => {
  const { send } = await start(t)
  const { fields } = await send(`GET /docs HTTP/1.1\r\n${host}\r\n`)
  const policies = fields.filter((field) => field.startsWith('content-security-policy: '))
  assert.equal(policies.length, 1)
  assert.match(policies[0] ?? '', /script-src/)
})

test('The fields of a decision are in each response, whichever way it takes, in place of others of their names', async (t) => {
  const fields = ['ratelimit', '"a";r=1;t=2', 'vary', 'Origin']
  for (const isLater of [false, true]) {
    const { send } = await start(t, { guardParts: { limits: limitsOf({ fields }, { isLater }) } })
    for (const [name, request, status] of ways) {
      const response = await send(request)
      assert.equal(response.status, status, name)
      const own = response.fields.filter((field) => /^ratelimit:/i.test(field))
      assert.deepEqual(own, ['ratelimit: "a";r=1;t=2'], name)
      assert.equal(countOf(response, 'vary: Origin'), 1, name)
    }
    assert.equal(countOf(await send(`GET /raw HTTP/1.1\r\n${host}\r\n`), 'Vary: accept'), 1)
  }
})

test('A value of a list that a response states already, as of a service with the same settings, is stated once', async (t) => {
  const fields = ['vary', 'Origin', 'link', '</b>; rel="sunset"']
  const { send } = await start(t, { guardParts: { limits: limitsOf({ fields }) } })
  for (const [path, vary, links] of [
    ['/listed', 'Vary: accept, Origin', 2],
    ['/implicit-list', 'vary: ORIGIN', 1],
  ] as const) {
    const response = await send(`GET ${path} HTTP/1.1\r\n${host}\r\n`)
    const fieldsOf = (name: RegExp) => response.fields.filter((field) => name.test(field))
    assert.deepEqual(fieldsOf(/^vary:/i), [vary], path)
    assert.equal(fieldsOf(/^link:/i).length, links, path)
  }
})

test('A refusal takes the place of each response, as a problem document that is counted and logged', async (t) => {
  for (const isLater of [false, true]) {
    const { seen, send } = await start(t, { guardParts: { limits: limitsOf(refusing, { isLater }) } })
    for (const [name, request] of ways) {
      const response = await send(request)
      assert.equal(response.status, 429, name)
      for (const field of ['ratelimit: "a";r=0;t=7', 'retry-after: 7', ...security])
        assert.equal(countOf(response, field), 1, `${name}: ${field}`)
      if (name === 'HEAD') continue
      const problem = JSON.parse(response.body)
      assert.equal(problem.type, 'urn:quintet:problem:too-many-requests')
      assert.equal(countOf(response, `x-request-id: ${problem.instance}`), 1)
    }
    for (const [request, status] of malformed) assert.equal((await send(request)).status, status)
    assert.deepEqual(seen, [])
  }
})

test('A request that is refused is counted under its route', async (t) => {
  const { app, send } = await start(t, { guardParts: { limits: limitsOf(refusing) } })
  await send(`GET /things/1 HTTP/1.1\r\n${host}\r\n`)
  const metrics = (await app.inject('/metrics')).body
  assert.match(
    metrics,
    /http_server_request_duration_seconds_count\{(?=[^}]*http_route="\/things\/:id")(?=[^}]*http_response_status_code="429")[^}]*\} 1/,
  )
})

test('A guard that fails admits nothing', async (t) => {
  const broken = () => {
    throw new Error('a bug')
  }
  for (const byClient of [broken, () => Promise.reject(new Error('a bug'))]) {
    const { seen, send } = await start(t, { guardParts: { limits: limitsBy(byClient) } })
    for (const [name, request] of ways) assert.equal((await send(request)).status, 500, name)
    assert.deepEqual(seen, [])
  }
})

test('Routes see the principal, and a refused token is 401 and costs its address more', async (t) => {
  const principal: Principal = {
    id: 'issuer|ada',
    kind: 'token',
    scopes: new Set(),
    plan: undefined,
    expiresAt: undefined,
  }
  const error = new AppError('unauthorized', 'The token has expired.')
  const authenticator: Authenticator = {
    authenticate: ({ headers }) =>
      headers.authorization === 'Bearer good'
        ? principal
        : { error, fields: ['www-authenticate', 'Bearer error="invalid_token"'] },
    close: async () => {},
  }
  const charged: string[] = []
  const charge: Limits['charge'] = ({ client, path, service }, cost) =>
    charged.push([client.key, path, service, cost].join(' '))
  const limits = { ...limitsOf({}), charge }
  const { seen, send } = await start(t, { guardParts: { limits, authenticator } })
  const bad = await send(`GET /things/%31/?a=b HTTP/1.1\r\n${host}authorization: Bearer bad\r\n\r\n`)
  assert.equal(bad.status, 401)
  assert.equal(countOf(bad, 'www-authenticate: Bearer error="invalid_token"'), 1)
  assert.deepEqual(charged, ['127.0.0.1 /things/1 sample 4'])
  await send(`GET /things/1?a=b HTTP/1.1\r\n${host}authorization: Bearer good\r\n\r\n`)
  assert.deepEqual(seen, [principal])
})

test('Requests that arrive together are decided one after another, each after the response before it', async (t) => {
  const order: string[] = []
  const limits = limitsBy(async ({ path }) => {
    order.push(`begin ${path}`)
    await pause(path === '/things/slow' ? 20 : 1)
    order.push(`end ${path}`)
    return { refusal: undefined, fields: [] }
  })
  const { send } = await start(t, { guardParts: { limits } })
  const first =
    'POST /things/ HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}'
  const second = 'GET /things/slow HTTP/1.1\r\nhost: here\r\n\r\n'
  const { text } = await send(`${first}${second}${first}GET /things/1 HTTP/1.1\r\n${host}\r\n`)
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status),
    ['201', '200', '201', '200'],
  )
  const paths = ['/things', '/things/slow', '/things', '/things/1']
  assert.deepEqual(
    order,
    paths.flatMap((path) => [`begin ${path}`, `end ${path}`]),
  )
})

test('A slash in the query of an absolute target begins no path, so that a limit by path cannot be passed by', async (t) => {
  const paths: string[] = []
  const limits = limitsBy(({ path }) => {
    paths.push(path)
    return { refusal: undefined, fields: [] }
  })
  const { send } = await start(t, { guardParts: { limits } })
  for (const target of [
    'http://here?/health/live',
    'http://here/things/1?/health/live',
    'http://here/?http://x/y',
  ])
    await send(`GET ${target} HTTP/1.1\r\n${host}\r\n`)
  assert.deepEqual(paths, ['', '/things/1', '/'])
})

test('A request whose client leaves during the decision reaches no route, and is recorded and released', async (t) => {
  const decided = Promise.withResolvers<void>()
  const called = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const limits = limitsBy(async () => {
    called.resolve()
    await decided.promise
    return { refusal: undefined, fields: [], release: () => released.resolve() }
  })
  const { app, seen, port } = await start(t, { guardParts: { limits } })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /things/1 HTTP/1.1\r\nhost: here\r\n\r\n')
  await called.promise
  socket.resetAndDestroy()
  await pause(20)
  decided.resolve()
  await released.promise
  await pause(1)
  assert.match((await app.inject('/metrics')).body, /http_response_status_code="499"[^}]*\} 1/)
  assert.deepEqual(seen.length, 1)
})

test('What a decision holds is released once, when the response is over', async (t) => {
  let count = 0
  const released = () => {
    count += 1
  }
  const limits = limitsOf({}, { released })
  const { send } = await start(t, { guardParts: { limits } })
  for (const [at, [name, request]] of ways.entries()) {
    await send(request)
    await pause(1)
    assert.equal(count, at + 1, name)
  }
})

function countOf({ fields }: { fields: readonly string[] }, field: string): number {
  return fields.filter((one) => one === field).length
}
