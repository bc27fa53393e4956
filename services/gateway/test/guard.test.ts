import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import type { GuardParts } from '@quintet/chassis/http'
import { sendBytes } from '@quintet/chassis/testing/sockets'
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

async function start(t: TestContext, guardParts: GuardParts) {
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
  const { port } = await startGateway(
    t,
    { GUID_URL, CERTIFICATES_URL: await absentUpstream(t) },
    { guardParts },
  )
  return { port, paths }
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
  return {
    limits: {
      byClient: () => decision,
      byPrincipal: (_request, _principal, before) => before,
      charge() {},
      close: async () => {},
    },
  }
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
      const policy = "default-src 'none'; frame-ancestors 'none'"
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
