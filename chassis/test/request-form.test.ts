import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listen } from '../src/http/index.ts'
import { createSampleApp } from './sample-app.ts'
import { sendBytes } from './sockets.ts'

/** A service that takes anything, also on its fast path, and a client that sends it bytes. */
async function startService(t: TestContext) {
  const app = await createSampleApp(t)
  app.fastPaths.push({
    route: '/fast/:id',
    prefix: '/fast/',
    find: (id) => (id === '1' ? { etag: '"1"', body: '{}' } : undefined),
  })
  app.all('/*', async () => ({}))
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  return (bytes: string) => sendBytes(Number(port), bytes)
}

const rest = '\r\nHost: a\r\nConnection: close\r\n'

test('Only HTTP/1.1 and HTTP/1.0 are served', async (t) => {
  const send = await startService(t)
  for (const version of ['1.0', '1.1'])
    assert.match(await send(`GET /x HTTP/${version}${rest}\r\n`), /^HTTP\/1\.1 200/, version)
  for (const line of ['GET /x', 'GET /fast/1', 'GET /x HTTP/0.9'])
    assert.match(await send(`${line}${rest}\r\n`), /^HTTP\/1\.1 400/, line)
  for (const line of ['GET /fast/1 HTTP/2.0', 'GET /x HTTP/2.0', 'GET /x HTTP/3.0'])
    assert.match(await send(`${line}${rest}\r\n`), /^HTTP\/1\.1 505/, line)
})

test('A request of HTTP/1.0 with a transfer coding is refused, and its connection is closed', async (t) => {
  const send = await startService(t)
  const head = 'HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  for (const line of ['POST /x', 'GET /x', 'GET /fast/1'])
    assert.match(
      await send(`${line} ${head}GET /x HTTP/1.1\r\n\r\n`),
      /^HTTP\/1\.1 400(?!.*HTTP\/1\.1)/s,
      line,
    )
})

test('A fragment in the target is refused', async (t) => {
  const send = await startService(t)
  for (const target of ['/x#y', '/x?y#z', '/#', '/fast/1#'])
    assert.match(await send(`GET ${target} HTTP/1.1${rest}\r\n`), /^HTTP\/1\.1 400/, target)
})

test('Dot segments in the path are refused however they are written; dots elsewhere are not', async (t) => {
  const send = await startService(t)
  const refused = [
    ...['/..', '/.', '/x/../y', '/x/./y', '/x/..', '/../x', '/x/..?y', '/fast/../y', '/fast/..'],
    ...['/%2e%2e/x', '/x/%2E./y', '/x/.%2e', '/x/%2e', '/x/..%2fy', '/x%2F..%2Fy', '/x\\..\\y', '/x/..%5cy'],
    'http://a/x/../y',
  ]
  for (const target of refused)
    assert.match(await send(`GET ${target} HTTP/1.1${rest}\r\n`), /^HTTP\/1\.1 400/, target)
  const served = [
    '/x..',
    '/..x',
    '/x.y/z',
    '/...',
    '/x/.../y',
    '/.well-known',
    '/x?y=/../',
    '/x?../',
    '/%2e%2e%2e',
    '/fast/1',
  ]
  for (const target of served)
    assert.match(await send(`GET ${target} HTTP/1.1${rest}\r\n`), /^HTTP\/1\.1 200/, target)
})

test('OPTIONS with a target of the absolute form is for the server itself only without a path and a query', async (t) => {
  const send = await startService(t)
  for (const target of ['*', 'http://a', 'https://a:1', 'HTTP://[::1]'])
    assert.match(await send(`OPTIONS ${target} HTTP/1.1${rest}\r\n`), /^HTTP\/1\.1 204/, target)
  for (const target of ['http://a/', 'http://a?', 'http://a?x', 'http://a:1?x=/y', 'http://a/?x'])
    assert.match(await send(`OPTIONS ${target} HTTP/1.1${rest}\r\n`), /^HTTP\/1\.1 405/, target)
})

const endToEnd = [
  ...['Accept', 'Authorization', 'Cache-Control', 'Content-Encoding', 'Content-Range', 'Content-Type'],
  ...['Cookie', 'Expect', 'Forwarded', 'Host', 'Idempotency-Key', 'If-Match', 'If-Modified-Since'],
  ...[
    'If-None-Match',
    'If-Range',
    'If-Unmodified-Since',
    'Last-Event-ID',
    'Max-Forwards',
    'Origin',
    'Prefer',
  ],
  ...['Range', 'traceparent', 'tracestate', 'User-Agent', 'Via', 'X-Forwarded-For', 'X-Request-ID'],
]

test('A Connection field that names a field for all recipients is refused, on the fast path too', async (t) => {
  const send = await startService(t)
  for (const line of ['GET /fast/1', 'DELETE /x', 'GET /x'])
    for (const name of endToEnd)
      for (const connection of [
        `Connection: close, ${name}`,
        `Connection: ${name.toUpperCase()}\t,close`,
        `Connection: close\r\nConnection: ${name.toLowerCase()}`,
      ]) {
        const text = await send(`${line} HTTP/1.1\r\nHost: a\r\n${connection}\r\n\r\n`)
        assert.match(text, /^HTTP\/1\.1 400/, `${line} ${connection}`)
        assert.ok(text.includes(`Connection must not name ${name.toLowerCase()},`), text)
      }
})

test('A Connection field may name what concerns the connection, and extensions', async (t) => {
  const send = await startService(t)
  for (const options of [
    'close',
    'Close,,',
    'close, keep-alive',
    'close, TE, X-Own',
    'close, Keep-Alive',
    'close, if_match',
  ])
    for (const line of ['GET /fast/1', 'GET /x'])
      assert.match(
        await send(`${line} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: ${options}\r\n\r\n`),
        /^HTTP\/1\.1 200/,
        options,
      )
})
