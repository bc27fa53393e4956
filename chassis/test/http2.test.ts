import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { closeOf } from '@quintet/chassis/testing/sockets'
import { namedTlsFiles, tlsFiles } from '@quintet/chassis/testing/tls'
import { createLines } from './log-lines.ts'
import { createSampleApp } from './sample-app.ts'

const large = 'x'.repeat(4_000_000)

/** An app with HTTP/2, whose routes echo, respond with much, and wait until they are aborted. */
async function startApp(t: TestContext, options: Partial<AppOptions> = {}) {
  const files = tlsFiles(t)
  const app = await createSampleApp(t, {
    ...options,
    tls: { files: namedTlsFiles(files), http2: true },
  })
  const waiting = { begun: 0, aborted: 0 }
  const schema = { scope: 'public' } as const
  app.post('/echo', { schema }, async ({ body }) => ({ body }))
  app.get('/large', { schema }, async (_request, reply) => reply.type('text/plain').send(large))
  app.get('/broken', { schema }, (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200).write('half')
    setTimeout(() => reply.raw.destroy(), 20)
  })
  app.get('/wait', { schema }, (_request, reply) => {
    waiting.begun += 1
    reply.raw.once('close', () => (waiting.aborted += 1))
    reply.hijack()
  })
  const port = Number(new URL(await listen(app, { host: '127.0.0.1', port: 0 })).port)
  return {
    app,
    waiting,
    open() {
      const session = connect(`https://localhost:${port}`, { ca: files.ca })
      session.on('error', () => {})
      t.after(() => session.destroy())
      return session
    },
    /** A connection on which the test writes frames. */
    async openRaw(): Promise<TLSSocket> {
      const socket = connectSecurely({ port, ca: files.ca, servername: 'localhost', ALPNProtocols: ['h2'] })
      t.after(() => socket.destroy())
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
      socket.write(frame(0x04, 0, 0))
      return socket
    },
  }
}

/** RFC 9113, 4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

type Received = { status: number; body: string; code: number; headers: Record<string, unknown> }

async function responseOf(stream: ClientHttp2Stream): Promise<Received> {
  const found: Received = { status: 0, body: '', code: 0, headers: {} }
  stream.on('error', () => {})
  stream.on('response', (headers) => Object.assign(found, { status: headers[':status'], headers }))
  stream.setEncoding('utf8').on('data', (text: string) => {
    found.body += text
  })
  await new Promise<void>((resolve) => stream.once('close', resolve))
  return { ...found, code: stream.rstCode ?? 0 }
}

function get(session: ClientHttp2Session, path: string, fields: OutgoingHttpHeaders = {}): Promise<Received> {
  return responseOf(session.request({ ':path': path, ...fields }))
}

test('A connection serves many requests at a time, with bodies and without', async (t) => {
  const { open } = await startApp(t)
  const session = open()
  const post = (value: string, fields: OutgoingHttpHeaders = {}) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/echo',
      'content-type': 'application/json',
      ...fields,
    })
    stream.end(JSON.stringify(value))
    return responseOf(stream)
  }
  const responses = await Promise.all([
    ...Array.from({ length: 40 }, (_, i) => post(`${i}`)),
    post('with a length', { 'content-length': 15 }),
  ])
  assert.deepEqual(
    responses.map(({ status, body }) => [status, JSON.parse(body).body]),
    [...Array.from({ length: 40 }, (_, i) => [200, `${i}`]), [200, 'with a length']],
  )
  const { status, body } = await get(session, '/large')
  assert.deepEqual([status, body.length], [200, large.length])
})

test('A request that is malformed in HTTP/1.1 is so in HTTP/2, and one whose fields contradict each other', async (t) => {
  const { open } = await startApp(t)
  const session = open()
  for (const [status, fields] of [
    [400, { ':path': '/../x' }],
    [400, { ':authority': 'localhost', host: 'other' }],
    [405, { ':method': 'CONNECT', ':authority': 'a:1', ':path': undefined, ':scheme': undefined }],
    [404, { ':path': '/nowhere' }],
    [400, { ':path': '/health/live?\xe4' }],
    [400, { 'if-match': '"1" ' }],
    [400, { 'if-match': '\t"1"' }],
    [417, { expect: 'miracles' }],
    [431, { 'x-large': 'x'.repeat(17_000) }],
    [431, Object.fromEntries(Array.from({ length: 140 }, (_, i) => [`x-${i}`, 'y']))],
  ] as const) {
    const response = await get(session, '/health/live', fields)
    assert.equal(response.status, status, JSON.stringify(fields).slice(0, 100))
    assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
  }
  // What is no request of HTTP/2 at all is an error of its stream.
  for (const path of ['health/live', 'http://localhost/health/live'])
    assert.deepEqual([(await get(session, path)).status, (await get(session, path)).code], [0, 1])
  assert.equal((await get(session, '/health/live', { ':authority': 'a/b' })).status, 0)
  assert.equal((await get(session, '/health/live', { host: 'localhost' })).status, 200)
})

test('A request whose method is none of HTTP/1.1 is counted by the guard, refused and recorded, and adds no series of metrics', async (t) => {
  const { logger, lines } = createLines<{ method?: string; status?: number; level: string }>()
  const counted: string[] = []
  const decision = { refusal: undefined, fields: ['x-counted', 'yes'] }
  const limits = {
    byClient({ method }: { method: string }) {
      counted.push(method)
      return decision
    },
    byPrincipal: () => decision,
    charge() {},
    async close() {},
  }
  const { app, open } = await startApp(t, { logger, guardParts: { limits } })
  const session = open()
  const methods = ['BREW', 'get', 'constructor', '__proto__', 'X'.repeat(8_000)]
  for (const method of methods) {
    const stream = session.request({ ':method': method, ':path': '/echo' }, { endStream: false })
    const { status, body, headers } = await responseOf(stream)
    const names = ['content-type', 'x-counted', 'x-content-type-options'].map((name) => headers[name])
    assert.deepEqual([status, ...names], [501, 'application/problem+json; charset=utf-8', 'yes', 'nosniff'])
    assert.equal(JSON.parse(body).instance, headers['x-request-id'])
    await until(() => lines.filter(({ status: of }) => of === 501).length === counted.length)
  }
  assert.deepEqual(new Set(counted), new Set(['']))
  assert.deepEqual(new Set(lines.map(({ method, level }) => `${level} ${method}`)), new Set(['info ']))
  const series = (await app.observed.metrics.text()).match(
    /_seconds_count\{[^}]*http_response_status_code="501"[^}]*\}/g,
  )
  assert.equal(series?.length, 1)
})

/** Lists that deny this network, and end connections from there. */
const closing = (list: string) => ({
  addresses: {
    allow: { setting: 'ALLOW', list: '' },
    deny: { setting: 'DENY', list },
    action: 'close' as const,
  },
})

test('A denied client gets nothing on any stream, whatever its request is, and its connection ends', async (t) => {
  const { logger, lines } = createLines<{ status?: number }>()
  const { open } = await startApp(t, { logger, guardParts: closing('127.0.0.0/8') })
  const requests: OutgoingHttpHeaders[] = [
    {},
    { ':method': 'BREW' },
    { ':path': '/../x' },
    { expect: 'miracles' },
  ]
  for (const [i, fields] of requests.entries()) {
    const session = open()
    const ended = new Promise<void>((resolve) => session.once('close', resolve))
    const all = [get(session, '/health/live', fields), get(session, '/wait')]
    assert.deepEqual(
      (await Promise.all(all)).map(({ status, body }) => [status, body]),
      [
        [0, ''],
        [0, ''],
      ],
    )
    await ended
    await until(() => lines.filter(({ status }) => status === 403).length > i)
  }
  assert.deepEqual([...new Set(lines.map(({ status }) => status))].filter(Boolean), [403])
})

test('On the connection of a trusted proxy the stream of a denied client ends alone', async (t) => {
  const options = { trustedProxies: '127.0.0.1', guardParts: closing('192.0.2.0/24') }
  const { open } = await startApp(t, options)
  const session = open()
  const from = (address: string, fields: OutgoingHttpHeaders = {}) =>
    get(session, '/health/live', { ...fields, 'x-forwarded-for': address })
  for (const method of ['GET', 'BREW']) {
    const denied = await from('192.0.2.1', { ':method': method })
    assert.deepEqual([denied.status, denied.body], [0, ''])
  }
  assert.equal((await from('198.51.100.1')).status, 200)
})

test('A body that does not arrive gets 408, and one that is refused unread is not waited for; others are served meanwhile', async (t) => {
  const { open } = await startApp(t, { timeouts: { requestMs: 300, checkIntervalMs: 20 }, bodyBytesMax: 100 })
  const session = open()
  const post = (fields: OutgoingHttpHeaders) =>
    session.request({ ':method': 'POST', ':path': '/echo', 'content-type': 'application/json', ...fields })
  const withheld = post({ 'content-length': 10 })
  withheld.write('"')
  const late = responseOf(withheld)
  const refused = await responseOf(post({ 'content-length': 1_000_000 }))
  assert.equal(refused.status, 413)
  const endless = post({})
  endless.write(' '.repeat(1_000))
  assert.equal((await responseOf(endless)).status, 413)
  assert.equal((await get(session, '/health/live')).status, 200)
  const { status, body } = await late
  assert.deepEqual([status, JSON.parse(body).status], [408, 408])
  assert.equal((await get(session, '/health/live')).status, 200)
})

test('A client that resets its request aborts it, and the log says so', async (t) => {
  const { logger, lines } = createLines<{ status?: number }>()
  const { open, waiting } = await startApp(t, { logger })
  const stream = open().request({ ':path': '/wait' })
  const closed = responseOf(stream)
  await until(() => waiting.begun === 1)
  stream.close(0x08)
  await closed
  await until(() => waiting.aborted === 1)
  await until(() => lines.some(({ status }) => status === 499))
})

test('A response that breaks off is an error for its client', async (t) => {
  const { open } = await startApp(t)
  const { status, body, code } = await get(open(), '/broken')
  assert.deepEqual([status, body, code], [200, 'half', 0x02])
})

test('A connection whose client opens and resets requests rapidly is ended, and an honest client is served meanwhile', async (t) => {
  const { open, waiting } = await startApp(t)
  const [hostile, honest] = [open(), open()]
  await once(hostile, 'connect')
  const ended = closeOf(hostile.socket as TLSSocket).then(() => 'ended')
  let sent = 0
  const timer = setInterval(() => {
    for (let i = 0; i < 100 && !hostile.destroyed && !hostile.closed; i += 1) {
      const stream = hostile.request({ ':path': '/wait' })
      stream.on('error', () => {})
      stream.close(0x08)
      sent += 1
    }
  }, 5)
  t.after(() => clearInterval(timer))
  for (let i = 0; i < 20; i += 1) assert.equal((await get(honest, '/health/live')).status, 200)
  await until(() => hostile.destroyed || hostile.closed, 10_000)
  clearInterval(timer)
  assert.ok(waiting.begun <= 600, `${waiting.begun} of ${sent}`)
  hostile.destroy()
  assert.equal(await ended, 'ended')
  assert.equal((await get(honest, '/health/live')).status, 200)
})

/** GET https of a path, with :authority a, without Huffman coding (RFC 7541). */
const headOf = (path: string) =>
  Buffer.from([0x82, 0x87, 0x04, path.length, ...Buffer.from(path), 0x01, 1, 0x61])

test('A client may have 100 requests open on a connection; one more is refused before it begins', async (t) => {
  const { openRaw, waiting } = await startApp(t)
  const socket = await openRaw()
  const frames: Buffer[] = []
  socket.on('data', (chunk: Buffer) => frames.push(chunk))
  for (let i = 0; i < 110; i += 1) socket.write(frame(0x01, 0x05, 2 * i + 1, headOf('/wait')))
  await until(() => waiting.begun >= 100 && Buffer.concat(frames).includes(Buffer.from([0, 0, 4, 3, 0])))
  assert.equal(waiting.begun, 100)
  socket.destroy()
})

test('Of requests that are reset with the bytes in which they came, none begins', async (t) => {
  const { open, openRaw, waiting } = await startApp(t)
  const socket = await openRaw()
  socket.resume()
  const reset = Buffer.from([0, 0, 0, 8])
  const streams = Array.from({ length: 50 }, (_, i) => 2 * i + 1)
  socket.write(
    Buffer.concat([
      ...streams.flatMap((id) => [frame(0x01, 0x05, id, headOf('/wait')), frame(0x03, 0, id, reset)]),
      frame(0x01, 0x05, 101, headOf('/wait')),
    ]),
  )
  await until(() => waiting.begun > 0)
  assert.equal((await get(open(), '/health/live')).status, 200)
  assert.equal(waiting.begun, 1)
  socket.destroy()
})

test('Connections begin their requests in turn, so that many on one do not delay those on another', async (t) => {
  const order: string[] = []
  const { app, open } = await startApp(t)
  app.server.prependListener('request', ({ url = '' }) => order.push(url))
  const [busy, other] = [open(), open()]
  await Promise.all([busy, other].map((session) => once(session, 'remoteSettings')))
  const many = Array.from({ length: 90 }, () => get(busy, '/health/live?many'))
  const one = get(other, '/health/live?one')
  for (const { status } of await Promise.all([...many, one])) assert.equal(status, 200)
  const at = order.findIndex((url) => url.endsWith('one'))
  assert.ok(at >= 0 && at < 20, String(at))
})

test('Each of the responses on a connection may listen to it, without a warning', async (t) => {
  const { app, open, waiting } = await startApp(t)
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  t.after(() => process.off('warning', warn))
  app.server.on('request', ({ socket }) => socket.once('end', () => {}))
  const session = open()
  for (let i = 0; i < 100; i++) session.request({ ':path': '/wait' }).on('error', () => {})
  await until(() => waiting.begun === 100)
  session.destroy()
  await until(() => waiting.aborted === 100)
  assert.deepEqual(warnings, [])
})

test('A header section without an end is the end of its connection', async (t) => {
  const { open, openRaw } = await startApp(t)
  const socket = await openRaw()
  const closed = closeOf(socket)
  const filler = Buffer.concat([
    Buffer.from([0x00, 1, 0x61, 0x7f, 0x81, 0x7f]),
    Buffer.alloc(16_384 - 200, 'x'),
  ])
  socket.write(frame(0x01, 0x01, 1, filler))
  const timer = setInterval(() => socket.write(frame(0x09, 0, 1, filler)), 1)
  t.after(() => clearInterval(timer))
  await closed
  assert.equal((await get(open(), '/health/live')).status, 200)
})

test('A connection that sends no request is ended, before the first and after the last', async (t) => {
  const timeouts = { requestMs: 300, idleMs: 400, checkIntervalMs: 20, lingerMs: 100 }
  const { open, openRaw } = await startApp(t, { timeouts })
  const silent = await openRaw()
  const session = open()
  assert.equal((await get(session, '/health/live')).status, 200)
  await Promise.all([closeOf(silent), new Promise<void>((resolve) => session.once('close', resolve))])
})

test('A response that its client does not read is ended, and holds up no other', async (t) => {
  const { open } = await startApp(t, { timeouts: { stallMs: 400, checkIntervalMs: 20 } })
  const session = open()
  const unread = session.request({ ':path': '/large' })
  unread.on('error', () => {})
  await once(unread, 'response')
  assert.equal((await get(session, '/health/live')).status, 200)
  await new Promise<void>((resolve) => {
    unread.once('close', resolve)
    unread.once('aborted', resolve)
  })
  assert.equal((await get(session, '/health/live')).status, 200)
})

test('Requests of HTTP/2 count as connections do: a client that has its share opens no more', async (t) => {
  const { open, waiting } = await startApp(t, { connections: { max: 40, clientSharePercent: 50 } })
  const session = open()
  const responses = Array.from({ length: 60 }, () => get(session, '/wait'))
  const refused = await Promise.race(responses)
  assert.equal(refused.code, 0x07)
  await until(() => waiting.begun > 0)
  assert.ok(waiting.begun < 25, String(waiting.begun))
  session.destroy()
})

test('Closing finishes the requests on a connection, and admits no others to it', async (t) => {
  const { app, open } = await startApp(t, { timeouts: { lastRequestMs: 5_000 } })
  const session = open()
  const stream = session.request({
    ':method': 'POST',
    ':path': '/echo',
    'content-type': 'application/json',
  })
  stream.write('"be')
  const response = responseOf(stream)
  assert.equal((await get(session, '/health/live')).status, 200)
  const goaway = once(session, 'goaway')
  const closing = app.close()
  await goaway
  stream.end('gun"')
  const { status, body } = await response
  assert.deepEqual([status, body], [200, '{"body":"begun"}'])
  await closing
})
