import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { METHODS, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { sendBytes } from '@quintet/chassis/testing/sockets'
import { securityFields } from '@quintet/chassis/http'
import { ask, start } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { startRawUpstream, startUpstream } from './start-upstream.ts'

test('A response has the status, the reason, the fields and the bytes of the service, behind the fields of the gateway', async (t) => {
  const fields = [
    'X-Odd',
    ' a  b ',
    'Set-Cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'Date',
    'yesterday',
    'ETag',
    '"\xe9"',
    'Server',
    'x',
  ]
  const GUID_URL = await startUpstream(t, (_request, response) => {
    response.writeHead(299, 'Rather Good', [...fields, 'Content-Length', '3'])
    response.end(Buffer.from([0, 255, 13]))
  })
  const { url } = await startGateway(t, { GUID_URL })
  const answer = await ask(`${url}/guid/1`)
  const expected = [...securityFields, ...fields, 'Content-Length', '3'].map((text, at) =>
    at % 2 === 0 ? text.toLowerCase() : text.trim(),
  )
  assert.deepEqual([answer.status, answer.reason, answer.fields], [299, 'Rather Good', expected])
  assert.deepEqual(answer.body, Buffer.from([0, 255, 13]))
})

test('A response without Date gets none', async (t) => {
  const GUID_URL = await startRawUpstream(t, (socket) =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
  )
  const { url } = await startGateway(t, { GUID_URL })
  assert.deepEqual((await ask(`${url}/guid`)).fields, [...securityFields, 'content-length', '0'])
})

test('A request goes on when the clock of the machine is set an hour ahead meanwhile', async (t) => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { promise: received, resolve: receive } = Promise.withResolvers<void>()
  const GUID_URL = await startUpstream(t, async (_request, response) => {
    receive()
    await held
    response.end()
  })
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_EXCHANGE_TIMEOUT_MS: 60_000 })
  const answer = ask(`${url}/guid/1`)
  await received
  const now = Date.now
  t.mock.method(Date, 'now', () => now() + 3_600_000)
  // Longer than the gateway waits until it looks for requests that are late.
  await setTimeout(400)
  release()
  assert.equal((await answer).status, 200)
})

test('Bodies of any bytes and any framing go through unchanged in both directions', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => {
    const { 'content-length': length } = request.headers
    if (request.url === '/guid/length' && length !== undefined) response.setHeader('content-length', length)
    request.pipe(response)
  })
  const { url } = await startGateway(t, { GUID_URL })
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 2_000 }),
    fc.integer({ min: 10_000, max: 200_000 }).map((size) => randomBytes(size)),
  )
  const property = fc.asyncProperty(
    body,
    fc.boolean(),
    fc.boolean(),
    async (bytes, hasLength, isLengthAnswered) => {
      const sent = Buffer.from(bytes)
      const headers = hasLength ? { 'content-length': sent.length } : { 'transfer-encoding': 'chunked' }
      const path = `/guid/${isLengthAnswered ? 'length' : 'chunks'}`
      const answer = await ask(url + path, { method: 'POST', headers, body: sent })
      assert.equal(answer.status, 200)
      assert.ok(answer.body.equals(sent))
    },
  )
  await fc.assert(property, { numRuns: 40 })
})

test('Five megabytes stream through in both directions', async (t) => {
  const sent = randomBytes(5_000_000)
  const back = randomBytes(5_000_000)
  const GUID_URL = await startUpstream(t, async (request, response) => {
    const hash = createHash('sha256')
    for await (const chunk of request) hash.update(chunk)
    response.setHeader('x-hash', hash.digest('hex'))
    response.end(back)
  })
  const { url } = await startGateway(t, { GUID_URL })
  const answer = await ask(`${url}/guid`, { method: 'PUT', body: sent })
  assert.equal(answer.headers['x-hash'], createHash('sha256').update(sent).digest('hex'))
  assert.ok(answer.body.equals(back))
})

test('A part of a response arrives before the next one exists, and so does a part of a request with a large body', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => request.pipe(response))
  const { url } = await startGateway(t, { GUID_URL })
  const outgoing = request(`${url}/guid`, { method: 'POST' })
  outgoing.write('1'.repeat(70_000))
  const [answer]: IncomingMessage[] = await once(outgoing, 'response')
  assert.ok(answer)
  let text = ''
  answer.on('data', (chunk) => {
    text += chunk
  })
  while (text.length < 70_000) await setTimeout(1)
  outgoing.end('two')
  await once(answer, 'end')
  assert.equal(text, `${'1'.repeat(70_000)}two`)
})

test('A request to a service has the fields of the client, less those of its connection', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(JSON.stringify(request.rawHeaders)),
  )
  const { port } = await startGateway(t, { GUID_URL })
  const head =
    'GET /guid HTTP/1.1\r\nHost: here\r\nAccept: application/json\r\nX-Own: 1\r\nAUTHORIZATION: Bearer x\r\n' +
    'Connection: close, x-own\r\nKeep-Alive: a\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: a\r\n' +
    'X-Request-Id: abc\r\nVia: 1.0 first\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: forged\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n'
  const text = await sendBytes(port, head)
  const fields: string[] = JSON.parse(text.slice(text.indexOf('[')).replace(/\r\n.*$/s, ''))
  const trace = fields.at(fields.indexOf('traceparent') + 1)
  assert.match(String(trace), /^00-[\da-f]{32}-[\da-f]{16}-00$/)
  assert.deepEqual(fields, [
    ...[
      'Host',
      new URL(GUID_URL).host,
      'Accept',
      'application/json',
      'AUTHORIZATION',
      'Bearer x',
      'X-Twice',
      '1',
      'X-Twice',
      '2',
    ],
    ...['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Host', 'here', 'X-Forwarded-Proto', 'http'],
    ...['Via', '1.0 first, 1.1 quintet', 'X-Request-Id', 'abc', 'traceparent', trace],
  ])
})

test('A body is forwarded even if Connection names Content-Length', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => request.pipe(response))
  const { port } = await startGateway(t, { GUID_URL })
  const head =
    'POST /guid HTTP/1.1\r\nHost: a\r\nConnection: close, content-length\r\nContent-Length: 5\r\n\r\nhello'
  assert.match(await sendBytes(port, head), /hello/)
})

test('A body in a transfer coding other than chunks is refused', async (t) => {
  const GUID_URL = await startUpstream(t, (_request, response) => response.end())
  const { port } = await startGateway(t, { GUID_URL })
  const head =
    'POST /guid HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'
  assert.match(await sendBytes(port, head), /^HTTP\/1\.1 501.*"message":"The only transfer coding/s)
})

test('The head of a response is forwarded before its body exists', async (t) => {
  const arrived = Promise.withResolvers<ServerResponse>()
  const GUID_URL = await startUpstream(t, (_request, response) => {
    response.flushHeaders()
    arrived.resolve(response)
  })
  const { url } = await startGateway(t, { GUID_URL })
  const answer = await start(`${url}/guid`, {})
  const response = await arrived.promise
  response.end('late')
  assert.equal((await answer.toArray()).join(''), 'late')
})

test('A missing request id is generated, and the response has it', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => {
    response.setHeader('x-request-id', request.headers['x-request-id'] ?? '')
    response.end()
  })
  const { url } = await startGateway(t, { GUID_URL })
  assert.match(String((await ask(`${url}/guid`)).headers['x-request-id']), /^[\w-]{8,}$/)
})

test('A trace continues with a new parent and the same state; a state without a valid trace is dropped', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(JSON.stringify(request.headers)),
  )
  const { url } = await startGateway(t, { GUID_URL })
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const continued = await ask(`${url}/guid`, { headers: { traceparent, tracestate: 'a=1,b=2' } })
  assert.match(
    String(continued.json().traceparent),
    /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[\da-f]{16}-01$/,
  )
  assert.equal(continued.json().tracestate, 'a=1,b=2')
  const invalid = await ask(`${url}/guid`, { headers: { traceparent: 'nonsense', tracestate: 'a=1' } })
  assert.match(String(invalid.json().traceparent), /^00-[\da-f]{32}-[\da-f]{16}-00$/)
  assert.equal(invalid.json().tracestate, undefined)
})

test('The line of a request in the log has the trace that its service and the queue were given, also where it begins here', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(JSON.stringify(request.headers)),
  )
  const lines: { traceId?: string; status?: number }[] = []
  const write = (text: string) => {
    for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line))
  }
  const logger = createLogger({ service: 'gateway', level: 'info', destination: { write } })
  const { app, url } = await startGateway(t, { GUID_URL }, { logger })
  const traceIdOf = (traceparent: unknown) => String(traceparent).split('-')[1]
  const sent = []
  for (const traceparent of [
    undefined,
    'nonsense',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ]) {
    const { json } = await ask(`${url}/guid`, { headers: { ...(traceparent && { traceparent }) } })
    sent.push(traceIdOf(json().traceparent))
  }
  await app.inject({
    method: 'POST',
    url: '/api/billing',
    payload: { user_id: '1', number_of_items: '1', total_amount: '1' },
  })
  const requests = () => lines.filter(({ status }) => status !== undefined)
  await until(() => {
    logger.flush()
    return requests().length === 4
  })
  const logged = requests().map(({ traceId }) => traceId)
  assert.deepEqual(logged.slice(0, 3), sent)
  assert.match(String(logged[3]), /^[\da-f]{32}$/)
})

test('The path and the query reach the service as they were written, for any method', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => {
    response.setHeader('x-was', `${request.method} ${request.url}`)
    response.end()
  })
  const { url } = await startGateway(t, { GUID_URL, BILLING_URL: GUID_URL, INVENTORY_URL: GUID_URL })
  const targets = [
    '/guid',
    '/guid/',
    '/guid/a%2Fb//c/?x=%20&y',
    '/guids?user=a%26b',
    '/operations/1/',
    '/api/movies?title=',
    '/api/movies/7/',
  ]
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    for (const target of targets)
      assert.equal(
        (await ask(url + target, { method, path: target })).headers['x-was'],
        `${method} ${target}`,
      )
  const renamed = {
    '/api/orders': '/orders',
    '/api/orders/?user_id=3': '/orders/?user_id=3',
    '/api/orders/7': '/orders/7',
  }
  for (const [target, there] of Object.entries(renamed))
    assert.equal((await ask(url, { path: target })).headers['x-was'], `GET ${there}`)
  for (const origin of [url, 'HTTPS://elsewhere'])
    assert.equal((await ask(url, { path: `${origin}/guid/1?x=/../` })).headers['x-was'], 'GET /guid/1?x=/../')
})

test('Every method that is not TRACE reaches the service, and its 405 with what the target takes comes back', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.writeHead(405, { allow: 'GET, PATCH', 'x-was': request.method }).end(),
  )
  const { url } = await startGateway(t, { GUID_URL })
  for (const method of METHODS.filter((name) => name !== 'CONNECT')) {
    const { status, headers } = await ask(`${url}/guid/1`, { method })
    const was = method === 'TRACE' ? undefined : method
    assert.deepEqual([status, headers.allow, headers['x-was']], [405, 'GET, PATCH', was], method)
  }
})

test('TRACE is refused with the methods of the target, for which the service gets OPTIONS with the address and the credentials of the client alone', async (t) => {
  const heads: string[] = []
  const { port } = await startGateway(t, {
    GUID_URL: await startRawUpstream(t, (socket) =>
      socket.on('data', (bytes: Buffer) => {
        heads.push(bytes.toString())
        socket.write('HTTP/1.1 204 No Content\r\nAllow: GET, HEAD\r\n\r\n')
      }),
    ),
  })
  const fields = ['Host: a', 'Connection: close', 'Cookie: secret', 'Origin: https://a', 'X-Api-Key: qk']
  const preflight = 'Access-Control-Request-Method: GET'
  const trace = ['TRACE /guid/1 HTTP/1.1', ...fields, preflight, 'Authorization: Bearer b', '', ''].join(
    '\r\n',
  )
  const text = await sendBytes(port, trace)
  assert.match(text, /^HTTP\/1\.1 405.*allow: GET, HEAD\r\n/is)
  assert.doesNotMatch(text, /secret|qk|Bearer/)
  assert.equal(heads.length, 1)
  const [line, host, ...others] = (heads[0] ?? '').split('\r\n')
  assert.equal(line, 'OPTIONS /guid/1 HTTP/1.1')
  assert.match(host ?? '', /^Host: 127\.0\.0\.1:\d+$/)
  assert.deepEqual(
    others.filter((field) => !field.startsWith('X-Request-Id: ')),
    [
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Host: a',
      'X-Forwarded-Proto: http',
      'Via: 1.1 quintet',
      'X-Api-Key: qk',
      'Authorization: Bearer b',
      '',
      '',
    ],
  )
})

test('What a service refuses in place of TRACE without naming methods is the response', async (t) => {
  const GUID_URL = await startUpstream(t, (_request, response) =>
    response.writeHead(429, { 'retry-after': '7', 'content-length': '7' }).end('refused'),
  )
  const { url } = await startGateway(t, { GUID_URL })
  const { status, headers, body } = await ask(`${url}/guid/1`, { method: 'TRACE' })
  assert.deepEqual([status, headers['retry-after'], body.toString()], [429, '7', 'refused'])
})

test('Max-Forwards of OPTIONS is counted down, and at 0 the gateway responds; with other methods it is left as it is', async (t) => {
  let requests = 0
  const GUID_URL = await startUpstream(t, (request, response) => {
    requests += 1
    response.setHeader('x-was', String(request.headers['max-forwards']))
    response.end()
  })
  const { url } = await startGateway(t, { GUID_URL })
  const forwarded = async (method: string, value: string) =>
    (await ask(`${url}/guid`, { method, headers: { 'max-forwards': value } })).headers['x-was']
  assert.equal(await forwarded('OPTIONS', '7'), '6')
  assert.equal(await forwarded('OPTIONS', '01'), '0')
  assert.equal(await forwarded('OPTIONS', '9'.repeat(400)), '255')
  assert.equal(await forwarded('GET', '0'), '0')
  for (const value of ['0', '000']) {
    const answer = await ask(`${url}/guid`, { method: 'OPTIONS', headers: { 'max-forwards': value } })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers.allow, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
  }
  for (const value of ['-1', '1.5', '0x1', 'many', ''])
    assert.equal(
      (await ask(`${url}/guid`, { method: 'OPTIONS', headers: { 'max-forwards': value } })).status,
      400,
    )
  assert.equal(requests, 4)
})

test('Fields by which proxies describe a client are dropped when the client itself sends them, however they are spelt', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(JSON.stringify(request.rawHeaders)),
  )
  const { url } = await startGateway(t, { GUID_URL })
  const forged = [
    ...[
      'X-Forwarded-For',
      'x_forwarded_for',
      'X.Forwarded.For',
      'X-Forwarded',
      'X-Forwarded-Port',
      'X-Forwarded-Prefix',
    ],
    ...[
      'Forwarded',
      'X-Real-IP',
      'X_Real_IP',
      'True-Client-IP',
      'CF-Connecting-IP',
      'X-Client-IP',
      'Client_IP',
    ],
    ...[
      'X-Original-URL',
      'X-Rewrite-URL',
      'Content_Length',
      'X_Request_Id',
      'Remote-Addr',
      'X-Cluster-Client-Ip',
    ],
  ]
  const headers = { ...Object.fromEntries(forged.map((name) => [name, 'forged'])), 'x-own_field': 'kept' }
  const { body } = await ask(`${url}/guid`, { headers })
  assert.doesNotMatch(body.toString(), /forged/)
  assert.match(body.toString(), /"x-own_field","kept".*"X-Forwarded-For","127\.0\.0\.1"/)
})

test('The fields of a trusted proxy are kept, and its X-Forwarded-For is continued', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(JSON.stringify(request.headers)),
  )
  const { url } = await startGateway(t, { GUID_URL, TRUSTED_PROXIES: '127.0.0.1' })
  const headers = {
    'x-forwarded-for': '9.9.9.9, 1.2.3.4',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-proto': 'https',
    'x-real-ip': '1.2.3.4',
    forwarded: 'for=1.2.3.4',
    x_forwarded_for: '6.6.6.6',
  }
  const { x_forwarded_for: _, ...kept } = headers
  const there = (await ask(`${url}/guid`, { headers })).json()
  assert.deepEqual({ ...there, ...kept, 'x-forwarded-for': '9.9.9.9, 1.2.3.4, 127.0.0.1' }, there)
  assert.equal('x_forwarded_for' in there, false)
  const direct = (await ask(`${url}/guid`, { headers, localAddress: '127.0.0.5' })).json()
  assert.deepEqual([direct['x-forwarded-for'], direct['x-real-ip']], ['127.0.0.5', undefined])
})

test('A target of the absolute form overrides Host, and one with a user is refused', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(String(request.headers['x-forwarded-host'])),
  )
  const { url, port } = await startGateway(t, { GUID_URL })
  assert.equal((await ask(url, { path: 'http://shop.example:80/guid' })).body.toString(), 'shop.example:80')
  for (const target of ['http://user@a/guid', 'http://a@/guid'])
    assert.match(
      await sendBytes(port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
      /^HTTP\/1\.1 40[04]/,
      target,
    )
})

test('A path whose letters are percent-encoded is rewritten as any other', async (t) => {
  const BILLING_URL = await startUpstream(t, (request, response) =>
    response.end(`${request.url} ${request.headers['x-forwarded-prefix']}`),
  )
  const { url } = await startGateway(t, { BILLING_URL })
  for (const [path, there] of [
    ['/api/%6frders/7', '/orders/7'],
    ['/api/order%73', '/orders'],
    ['/%61pi/%6F%72ders/%37?limit=%31', '/orders/%37?limit=%31'],
    ['http://a/api/order%73?a=b', '/orders?a=b'],
  ])
    assert.equal((await ask(url, { path })).body.toString(), `${there} /api`)
  for (const path of ['/api/order%7', '/api%2forders', '/api/order%2573'])
    assert.ok([400, 404].includes((await ask(url, { path })).status), path)
})

test('HEAD, 204 and 304 have no body, and the fields of the service', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => {
    const status = Number(request.url?.slice(-3))
    response.writeHead(status, status === 204 ? {} : { 'content-length': 5, etag: '"1"' })
    response.end(request.method === 'HEAD' || status !== 200 ? undefined : 'hello')
  })
  const { url, port } = await startGateway(t, { GUID_URL })
  const head = await ask(`${url}/guid/200`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '5', 0])
  const notModified = await ask(`${url}/guid/304`)
  assert.deepEqual([notModified.status, notModified.headers.etag, notModified.body.length], [304, '"1"', 0])
  assert.equal((await ask(`${url}/guid/204`)).headers['content-length'], undefined)
  const all = ['HEAD /guid/200', 'GET /guid/304', 'GET /guid/204'].map(
    (line) => `${line} HTTP/1.1\r\nHost: a\r\n\r\n`,
  )
  const text = await sendBytes(
    port,
    `${all.join('')}GET /guid/200 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  )
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [
    'HTTP/1.1 200',
    'HTTP/1.1 304',
    'HTTP/1.1 204',
    'HTTP/1.1 200',
  ])
  assert.equal(text.match(/hello/g)?.length, 1)
})

test('A response that ends with its connection reaches clients of HTTP/1.1 and HTTP/1.0 completely', async (t) => {
  const GUID_URL = await startRawUpstream(t, (socket) =>
    socket.on('data', () => {
      socket.write('HTTP/1.0 200 OK\r\n\r\nhel')
      socket.end('lo')
    }),
  )
  const { url, port } = await startGateway(t, { GUID_URL })
  assert.equal((await ask(`${url}/guid`)).body.toString(), 'hello')
  assert.match(await sendBytes(port, 'GET /guid HTTP/1.0\r\n\r\n'), /\r\n\r\nhello$/)
})

for (const method of ['GET', 'HEAD', 'DELETE'])
  for (const [name, fields] of [
    ['a body that does not come', 'Content-Length: 5\r\n\r\n'],
    ['a body', 'Content-Length: 5\r\n\r\nhello'],
    ['a body in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['a body that waits for 100 Continue', 'Expect: 100-continue\r\nContent-Length: 5\r\n\r\n'],
    ['a body that is larger than its service accepts', 'Content-Length: 20000\r\n\r\n'],
    ['a body in a coding', 'Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello'],
  ])
    test(`${method} with ${name} is forwarded without it, and gets no 100 Continue`, async (t) => {
      const GUID_URL = await startUpstream(t, (request, response) => {
        const { 'content-length': length, 'transfer-encoding': coding } = request.headers
        response.writeHead(200, { 'x-framing': `${length} ${coding}` }).end()
      })
      const { port } = await startGateway(t, { GUID_URL })
      const socket = connect(port, '127.0.0.1')
      socket.write(`${method} /guid/1 HTTP/1.1\r\nHost: a\r\n${fields}`)
      const [start] = await once(socket, 'data')
      assert.match(String(start), /^HTTP\/1\.1 200 .*^x-framing: undefined undefined\r$/ims)
      socket.destroy()
    })

test('A request behind an unread body of GET gets its own response', async (t) => {
  const GUID_URL = await startUpstream(t, ({ url }, response) => response.end(`<${url}>`))
  const { port } = await startGateway(t, { GUID_URL })
  const last = 'GET /guid/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const first = `GET /guid/1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${last.length}\r\n\r\n${last}`
  const text = await sendBytes(port, first + last)
  assert.deepEqual(text.match(/<.*?>/g), ['</guid/1>', '</guid/2>'])
})

test('Problem documents of a service and any Accept field pass through unchanged', async (t) => {
  const problem = JSON.stringify({ status: 406, detail: 'no', error: 'no' })
  const GUID_URL = await startUpstream(t, (request, response) => {
    response.writeHead(406, {
      'content-type': 'application/problem+json',
      'x-accept': String(request.headers.accept),
    })
    response.end(problem)
  })
  const { url } = await startGateway(t, { GUID_URL })
  const answer = await ask(`${url}/guid`, { headers: { accept: 'image/png' } })
  assert.deepEqual(
    [answer.status, answer.headers['x-accept'], answer.body.toString()],
    [406, 'image/png', problem],
  )
})

test('Bodies are forwarded whatever their type, form and size', async (t) => {
  const GUID_URL = await startUpstream(t, async (request, response) => {
    response.end(`${request.headers['content-type']} ${(await request.toArray()).join('').length}`)
  })
  const { url } = await startGateway(t, { GUID_URL })
  const forwarded = async (type: string, body: string) =>
    (
      await ask(`${url}/guid`, { method: 'POST', headers: type === '' ? {} : { 'content-type': type }, body })
    ).body.toString()
  assert.equal(await forwarded('application/json', '{"a":'), 'application/json 5')
  assert.equal(await forwarded('nonsense', 'x'), 'nonsense 1')
  assert.equal(await forwarded('', 'x'), 'undefined 1')
  assert.equal(await forwarded('application/json', ''), 'application/json 0')
  assert.equal(await forwarded('text/plain', 'x'.repeat(2_000_000)), 'text/plain 2000000')
})

test('A service that responds before it has read the body ends the exchange, and the client reads the response to its end', async (t) => {
  const bytes = 20_000_000
  const full = Promise.withResolvers<Socket>()
  const GUID_URL = await startRawUpstream(t, (socket) =>
    socket.once('data', (start) => {
      if (start.toString().startsWith('GET'))
        return socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext')
      return full.resolve(socket.pause())
    }),
  )
  const { port } = await startGateway(t, { GUID_URL })
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST /guid HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
  socket.write(Buffer.alloc(bytes))
  const upstream = await full.promise
  for (let before = -1; before !== socket.bytesWritten - socket.writableLength; await setTimeout(30))
    before = socket.bytesWritten - socket.writableLength
  upstream.write('HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nno')
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 413.*Connection: close.*no$/s)
  await once(socket, 'end')
  assert.equal((await ask(`http://127.0.0.1:${port}/guid`)).body.toString(), 'next')
})

test('When a client aborts before or during the response, the connection to the service is closed', async (t) => {
  const requests: { request: IncomingMessage; response: ServerResponse }[] = []
  const arrived = Promise.withResolvers<void>()
  const GUID_URL = await startUpstream(t, (request, response) => {
    requests.push({ request: request.resume(), response })
    if (request.url === '/guid/within') response.write('piece')
    if (requests.length === 3) arrived.resolve()
  })
  const { url } = await startGateway(t, { GUID_URL })
  const before = request(`${url}/guid/before`).on('error', () => {})
  before.end()
  const upload = request(`${url}/guid/upload`, { method: 'POST' }).on('error', () => {})
  upload.write(Buffer.alloc(70_000))
  const within = await start(`${url}/guid/within`, {})
  await arrived.promise
  const closed = Promise.all(requests.map(({ response }) => once(response, 'close')))
  before.destroy()
  upload.destroy()
  within.destroy()
  await closed
  assert.ok(requests.every(({ response }) => !response.writableFinished))
})

test('A response that the client does not read is not buffered in the gateway', async (t) => {
  const piece = randomBytes(65_536)
  const pieces = 1_000
  let written = 0
  const GUID_URL = await startUpstream(t, async (_request, response) => {
    for (; written < pieces; written += 1) if (!response.write(piece)) await once(response, 'drain')
    response.end()
  })
  const { url } = await startGateway(t, { GUID_URL })
  const answer = await start(`${url}/guid`, {})
  answer.pause()
  for (let before = -1; before !== written; await setTimeout(50)) before = written
  assert.ok(written < pieces / 2, `${written} of ${pieces} pieces were taken from the service`)
  let bytes = 0
  for await (const chunk of answer) bytes += chunk.length
  assert.equal(bytes, pieces * piece.length)
})

for (const framing of ['content-length', 'transfer-encoding'])
  test(`A body with ${framing} that the service does not read is not buffered in the gateway`, async (t) => {
    const piece = randomBytes(65_536)
    const pieces = 1_000
    const length = framing === 'content-length' ? pieces * piece.length : 'chunked'
    const arrived = Promise.withResolvers<IncomingMessage>()
    const GUID_URL = await startUpstream(t, (request, response) => {
      request.pause()
      arrived.resolve(request)
      request.on('end', () => response.end('thanks'))
    })
    const { url } = await startGateway(t, { GUID_URL })
    const outgoing = request(`${url}/guid`, { method: 'POST', headers: { [framing]: length } })
    let written = 0
    const sending = (async () => {
      for (; written < pieces; written += 1) if (!outgoing.write(piece)) await once(outgoing, 'drain')
      outgoing.end()
    })()
    const arriving = await arrived.promise
    for (let before = -1; before !== written; await setTimeout(50)) before = written
    assert.ok(written < pieces / 2, `${written} of ${pieces} pieces were taken from the client`)
    let bytes = 0
    arriving.on('data', (chunk) => {
      bytes += chunk.length
    })
    arriving.resume()
    const [answer]: IncomingMessage[] = await once(outgoing, 'response')
    await sending
    assert.deepEqual([answer?.statusCode, bytes], [200, pieces * piece.length])
  })

test('Connections to a service are reused, one exchange at a time on each', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) =>
    response.end(String(request.socket.remotePort)),
  )
  const { url } = await startGateway(t, { GUID_URL })
  const ports = new Set<string>()
  for (let count = 0; count < 20; count += 1) ports.add((await ask(`${url}/guid`)).body.toString())
  assert.equal(ports.size, 1)
  const parallel = await Promise.all(Array.from({ length: 10 }, () => ask(`${url}/guid`)))
  assert.ok(parallel.every(({ status }) => status === 200))
})

test('Hundreds of concurrent requests each get their own response', async (t) => {
  const GUID_URL = await startUpstream(t, async (request, response) => {
    const body = (await request.toArray()).join('')
    if (body.length % 2 === 0) await setTimeout(body.length % 7)
    response.end(`${request.url} ${body}`)
  })
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_IN_FLIGHT_MAX: 600 })
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, id) => {
      const body = 'x'.repeat(id % 50)
      const answer = await ask(`${url}/guid/${id}`, { method: 'POST', body })
      return answer.body.toString() === `/guid/${id} ${body}`
    }),
  )
  assert.ok(answers.every(Boolean))
})

test('What a trusted proxy has taken off the path is passed on, before what the gateway takes off', async (t) => {
  const upstream = await startUpstream(t, ({ headers }, response) =>
    response.end(String(headers['x-forwarded-prefix'])),
  )
  const settings = { BILLING_URL: upstream, GUID_URL: upstream, TRUSTED_PROXIES: '127.0.0.1' }
  const { url } = await startGateway(t, settings)
  for (const prefix of ['/before', '/before/']) {
    const headers = { 'x-forwarded-prefix': prefix }
    assert.equal((await ask(`${url}/api/orders`, { headers })).body.toString(), '/before/api')
    assert.equal((await ask(`${url}/guids`, { headers })).body.toString(), '/before')
  }
})

test('A service with a shorter path than the gateway is told what is before it, and nothing that a client writes there', async (t) => {
  const upstream = await startUpstream(t, ({ headers, url }, response) =>
    response.end(`${url} ${headers['x-forwarded-prefix']}`),
  )
  const { url } = await startGateway(t, { BILLING_URL: upstream, GUID_URL: upstream })
  for (const headers of [{}, { 'x-forwarded-prefix': '/forged' }, { X_Forwarded_Prefix: '/forged' }]) {
    assert.equal(
      (await ask(`${url}/api/orders?limit=1`, { headers })).body.toString(),
      '/orders?limit=1 /api',
    )
    assert.equal((await ask(`${url}/guids`, { headers })).body.toString(), '/guids undefined')
  }
})
