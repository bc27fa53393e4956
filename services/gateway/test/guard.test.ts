import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import type { GuardParts } from '@quintet/chassis/http'
import { limitsBy } from '@quintet/chassis/testing/limits'
import { sendBytes } from '@quintet/chassis/testing/sockets'
import type { GatewayConfig } from '../src/config.ts'
import { startGateway } from './start-gateway.ts'
import { absentUpstream, startUpstream } from './start-upstream.ts'

const end = 'host: here\r\nconnection: close\r\n'

/** A request for each way that a response of the gateway can take, and its status. */
const ways = [
  ['a response that arrives whole', `GET /guid/whole HTTP/1.1\r\n${end}\r\n`, 200],
  ['a response in chunks', `GET /guid/chunks HTTP/1.1\r\n${end}\r\n`, 200],
  ['events', `GET /guid/events HTTP/1.1\r\n${end}\r\n`, 200],
  ['an unchanged resource', `GET /guid/304 HTTP/1.1\r\n${end}\r\n`, 304],
  ['HEAD', `HEAD /guid/whole HTTP/1.1\r\n${end}\r\n`, 200],
  ['a small body', `POST /guid/whole HTTP/1.1\r\n${end}content-length: 2\r\n\r\n{}`, 200],
  [
    'a large body',
    `POST /guid/whole HTTP/1.1\r\n${end}content-length: 100000\r\n\r\n${'a'.repeat(100_000)}`,
    200,
  ],
  [
    'a body that waits',
    `POST /guid/whole HTTP/1.1\r\n${end}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}`,
    200,
  ],
  ['a service that is down', `GET /users/1 HTTP/1.1\r\n${end}\r\n`, 502],
  ['TRACE', `TRACE /guid/whole HTTP/1.1\r\n${end}\r\n`, 405],
  ['an OPTIONS that goes no further', `OPTIONS /guid/1 HTTP/1.1\r\n${end}max-forwards: 0\r\n\r\n`, 204],
  ['a route of the gateway', `GET /health HTTP/1.1\r\n${end}\r\n`, 200],
  ['an order that is refused', `POST /api/billing HTTP/1.1\r\n${end}content-length: 0\r\n\r\n`, 400],
  ['no route', `GET /nothing HTTP/1.1\r\n${end}\r\n`, 404],
] as const

async function start(t: TestContext, guardParts: GuardParts, settings: Partial<GatewayConfig> = {}) {
  const paths: string[] = []
  const GUID_URL = await startUpstream(t, async (request, response) => {
    paths.push(request.url ?? '')
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Content-Security-Policy', "default-src 'self'")
    response.setHeader('RateLimit', 'of the service')
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Vary', 'accept')
    for await (const _ of request);
    if (request.url === '/guid/304') response.writeHead(304).end()
    else if (request.url === '/guid/events')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n')
    else if (request.url === '/guid/chunks') {
      response.write('one')
      response.end('two')
    } else response.end('whole')
  })
  const { port, app } = await startGateway(
    t,
    { GUID_URL, CERTIFICATES_URL: await absentUpstream(t), ...settings },
    { guardParts },
  )
  return { port, paths, app }
}

/** The final response, behind 100 Continue. */
function finalHead(text: string): { status: number; fields: string[] } {
  const heads = text.split('\r\n\r\n')
  const [line = '', ...fields] = (heads.find((head) => !head.startsWith('HTTP/1.1 100')) ?? '').split('\r\n')
  return { status: Number(line.split(' ')[1]), fields }
}

function limitsOf(refusal: AppError | undefined): GuardParts {
  const decision = {
    refusal: refusal && { error: refusal, fields: [] },
    fields: ['ratelimit', '"a";r=1;t=2'],
  }
  return { limits: limitsBy(() => decision) }
}

const values = (fields: readonly string[], name: string) =>
  fields
    .filter((field) => field.toLowerCase().startsWith(`${name}: `))
    .map((field) => field.slice(name.length + 2))

test('Each response of the gateway has the fields of the guard once, in place of those of a service', async (t) => {
  for (const guardParts of [{}, limitsOf(undefined)]) {
    const { port } = await start(t, guardParts)
    for (const [name, request, status] of ways) {
      const head = finalHead(await sendBytes(port, request))
      assert.equal(head.status, status, name)
      assert.deepEqual(values(head.fields, 'x-content-type-options'), ['nosniff'], name)
      assert.deepEqual(values(head.fields, 'referrer-policy'), ['no-referrer'], name)
      assert.deepEqual(values(head.fields, 'access-control-allow-origin'), [], name)
      const policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
      assert.deepEqual(values(head.fields, 'content-security-policy'), [policy], name)
      const limits = guardParts.limits === undefined ? [] : ['"a";r=1;t=2']
      if (limits.length > 0) assert.deepEqual(values(head.fields, 'ratelimit'), limits, name)
    }
  }
})

test('What the guard refuses reaches no service, whatever its path', async (t) => {
  const error = new AppError('too_many_requests', 'Too many.', { retryAfterSeconds: 7 })
  const { port, paths } = await start(t, limitsOf(error))
  for (const [name, request] of ways) {
    const head = finalHead(await sendBytes(port, request))
    assert.equal(head.status, 429, name)
    assert.deepEqual(values(head.fields, 'retry-after'), ['7'], name)
    assert.deepEqual(values(head.fields, 'ratelimit'), ['"a";r=1;t=2'], name)
  }
  assert.deepEqual(paths, [])
})

test('A client that is refused while it sends a large body gets the refusal', async (t) => {
  const error = new AppError('too_many_requests', 'Too many.')
  const { port } = await start(t, limitsOf(error))
  const socket = connect(port, '127.0.0.1')
  socket.write('POST /guid/whole HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n')
  for (let i = 0; i < 40; i += 1) socket.write(`10000\r\n${'a'.repeat(65_536)}\r\n`)
  const text = Buffer.concat(await socket.toArray()).toString('latin1')
  assert.equal(finalHead(text).status, 429)
})

test('A denied client gets 403 on every way, and no service hears of it', async (t) => {
  const { port, paths } = await start(t, {}, { GATEWAY_DENY: '127.0.0.0/8', CORS_ORIGINS: '*' })
  for (const [name, request] of ways) {
    const head = finalHead(await sendBytes(port, request))
    assert.equal(head.status, 403, name)
    assert.deepEqual(values(head.fields, 'access-control-allow-origin'), ['*'], name)
  }
  assert.deepEqual(paths, [])
})

test('A denied client may get nothing at all, and is counted', async (t) => {
  const { port, paths, app } = await start(
    t,
    {},
    { GATEWAY_ALLOW: '10.0.0.0/8', GATEWAY_DENY_ACTION: 'close' },
  )
  // A connection that has unread bytes is reset.
  const received = (request: string) => sendBytes(port, request).catch(({ code }) => code)
  for (const [name, request] of ways)
    assert.ok(['', 'ECONNRESET', 'EPIPE'].includes(await received(request)), name)
  assert.deepEqual(paths, [])
  const metrics = (await app.inject('/metrics')).body
  assert.match(metrics, /^quintet_address_refusals_total\{(?=[^}]*list="allow")[^}]*\} 14$/m)
  assert.match(
    metrics,
    /http_server_request_duration_seconds_count\{(?=[^}]*http_route="\/guid\/\*")(?=[^}]*http_response_status_code="403")/,
  )
})

test('Behind a trusted proxy it is the client behind that proxy who is denied', async (t) => {
  const { port } = await start(t, {}, { GATEWAY_DENY: '192.0.2.0/24', TRUSTED_PROXIES: '127.0.0.1' })
  for (const [address, status] of [
    ['192.0.2.1', 403],
    ['198.51.100.1, 192.0.2.1', 403],
    ['192.0.2.1, 198.51.100.1', 200],
  ] as const) {
    const request = `GET /guid/whole HTTP/1.1\r\n${end}x-forwarded-for: ${address}\r\n\r\n`
    assert.equal(finalHead(await sendBytes(port, request)).status, status, address)
  }
})

test('A preflight reaches no service', async (t) => {
  const { port, paths } = await start(t, {}, { CORS_ORIGINS: 'https://shop.example' })
  const fields = 'origin: https://shop.example\r\naccess-control-request-method: PUT\r\n'
  const head = finalHead(await sendBytes(port, `OPTIONS /guid/1 HTTP/1.1\r\n${end}${fields}\r\n`))
  assert.equal(head.status, 204)
  assert.deepEqual(values(head.fields, 'access-control-allow-origin'), ['https://shop.example'])
  assert.deepEqual(paths, [])
})

test('A service sees a path without its version, which it is given as the prefix of what it leads to', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => {
    response.end(JSON.stringify([request.url, request.headers['x-forwarded-prefix']]))
  })
  const { port } = await startGateway(t, { GUID_URL, BILLING_URL: GUID_URL, API_VERSIONS: '"v1","v2"' })
  for (const [path, there, prefix] of [
    ['/guid/1?a=b', '/guid/1?a=b', null],
    ['/v1/guid/1?a=b', '/guid/1?a=b', '/v1'],
    ['/v2/guid', '/guid', '/v2'],
    ['http://here/v1/guid/1', '/guid/1', '/v1'],
    ['/v1/api/orders/1', '/orders/1', '/v1/api'],
    ['/v1/guid/%76%31', '/guid/%76%31', '/v1'],
  ]) {
    const text = await sendBytes(port, `GET ${path} HTTP/1.1\r\n${end}\r\n`)
    assert.deepEqual(JSON.parse(text.split('\r\n\r\n')[1] ?? ''), [there, prefix], String(path))
  }
})

test('While limits are to be refused without Redis, the state of the system is shown, and counted by the gateway itself', async (t) => {
  const { url } = await startGateway(t, {
    ...{ RATE_LIMIT: 'on', RATE_LIMIT_URL: 'redis://127.0.0.1:1', RATE_LIMIT_DEGRADED: 'closed' },
    RATE_LIMIT_POLICIES: '"client";q=3;w=3600;by="address"',
  })
  const ask = async (path: string) => {
    const response = await fetch(url + path)
    return { status: response.status, text: await response.text() }
  }
  assert.equal((await ask('/nothing')).status, 503)
  const health = await ask('/health')
  const { status, limits } = JSON.parse(health.text)
  assert.deepEqual([health.status, status, limits], [200, 'degraded', { status: 'down' }])
  const metrics = await ask('/metrics')
  assert.match(metrics.text, /^quintet_guard_degraded(?:\{[^}]*\})? 1$/m)
  assert.deepEqual([(await ask('/health')).status, (await ask('/health')).status], [200, 429])
  assert.equal((await ask('/nothing')).status, 503)
})
