import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '@quintet/chassis/clock'
import { beginStream, createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { closeOf } from '@quintet/chassis/testing/sockets'
import { startGateway } from './start-gateway.ts'

/** What the server refuses before the framework: its refusal never touches a response under way on the connection. */

const rest = ' HTTP/1.1\r\nHost: a\r\n'
const long = 'x'.repeat(20_000)

const refusals: Record<string, readonly [bytes: string, status: number]> = {
  CONNECT: ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 405],
  'CONNECT with bytes for the tunnel': [`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${long}`, 405],
  'CONNECT without Host': ['CONNECT a:1 HTTP/1.1\r\n\r\n', 400],
  'CONNECT with two Host fields': ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  'CONNECT without a port': ['CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  'CONNECT to an empty port': ['CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  'CONNECT to no host': ['CONNECT :1 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  'CONNECT with a path': ['CONNECT /guids HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  'CONNECT with an unknown expectation': [`CONNECT a:1${rest}Expect: x\r\n\r\n`, 417],
  'CONNECT with many fields': [`CONNECT a:1${rest}${'a: b\r\n'.repeat(128)}\r\n`, 431],
  'bytes that are no request': ['xx yy\r\n\r\n', 400],
  'a field that is none': [`GET /guids${rest}a b: c\r\n\r\n`, 400],
  'a body of two lengths': [`POST /guid${rest}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
  'a long field': [`GET /guids${rest}X: ${long}\r\n\r\n`, 431],
  'many fields': [`GET /guids${rest}${'a: b\r\n'.repeat(2_100)}\r\n`, 431],
  'a long URL': [`GET /guids?${long}${rest}\r\n`, 414],
  'an unknown method': [`FOO /guids${rest}\r\n`, 501],
  'an unknown version': ['GET /guids HTTP/3.0\r\nHost: a\r\n\r\n', 505],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
}

/** Refused by the framework, as any other request. */
const refusedInside: typeof refusals = {
  'an unknown expectation': [`GET /guids${rest}Expect: x\r\nConnection: close\r\n\r\n`, 417],
  'no Host': ['GET /guids HTTP/1.1\r\n\r\n', 400],
  'a transfer coding': [`POST /guid${rest}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
}

/** All of them are more than the kernel takes for a client that does not read. */
const item = 'y'.repeat(20_000)
const items = 100
const events = 10

const firsts = {
  'a slow POST': {
    bytes: `POST /guid${rest}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    body: '{"done":true}',
  },
  'a streamed list': { bytes: `GET /guids${rest}\r\n`, body: item.repeat(items) },
  'a stream of events': {
    bytes: `GET /guid-events${rest}\r\n`,
    body: 'data: x\n\n'.repeat(events),
  },
}

/** A service with these responses, and a gateway before it: the port of each. */
async function startPorts(t: TestContext) {
  const logger = createLogger({ service: 'sample', level: 'silent' })
  const app = await createApp({ name: 'guid', title: '', description: '', logger })
  t.after(() => app.close())
  app.post('/guid', () => delay(50, { done: true }))
  app.get('/guids', (_request, reply) => reply.send(Readable.from(Array(items).fill(item))))
  app.get('/guid-events', (_request, { raw }) => {
    const stream = raw.writeHead(200, { 'content-type': 'text/event-stream' })
    beginStream(stream, { clock: systemClock, end: () => stream.end() })
    let left = events
    const timer = setInterval(() => {
      left -= 1
      if (left >= 0) raw.write('data: x\n\n')
      else raw.end()
    }, 10)
    raw.once('close', () => clearInterval(timer))
  })
  const GUID_URL = await listen(app, { host: '127.0.0.1', port: 0 })
  const { port } = await startGateway(t, { GUID_URL })
  return { 'from a service': Number(new URL(GUID_URL).port), 'through the gateway': port }
}

/** Sends a request, and behind it what is refused; reads slowly at first, until the server closes. */
async function exchange(port: number, first: string, second: string, when: 'at once' | 'later') {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.write(when === 'at once' ? first + second : first, 'latin1')
  socket.on('data', (chunk: Buffer) => {
    if (chunks.length === 0) {
      if (when === 'later') socket.write(second, 'latin1')
      socket.pause()
      setTimeout(() => socket.resume(), 50)
    }
    chunks.push(chunk)
  })
  await closeOf(socket)
  return Buffer.concat(chunks).toString('latin1')
}

/** The body of the first response in a text, whole, and what follows it. */
function firstOf(text: string): { body: string; rest: string } {
  const start = text.indexOf('\r\n\r\n') + 4
  const length = /^content-length: (\d+)/im.exec(text.slice(0, start))?.[1]
  if (length !== undefined) {
    const end = start + Number(length)
    return { body: text.slice(start, end), rest: text.slice(end) }
  }
  let body = ''
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    assert.ok(size >= 0, `no chunk begins with ${JSON.stringify(text.slice(at, at + 30))}`)
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
    if (size === 0) return { body, rest: text.slice(at) }
  }
}

for (const [firstName, first] of Object.entries(firsts))
  test(`The response to ${firstName} is whole, and what is refused behind it gets its refusal after it`, async (t) => {
    const isEvents = firstName === 'a stream of events'
    // Behind a response without an end, an ordinary request closes the connection.
    const seconds = Object.entries({ ...refusals, ...(isEvents ? {} : refusedInside) })
    for (const [way, port] of Object.entries(await startPorts(t)))
      for (const when of ['at once', 'later'] as const)
        await Promise.all(
          seconds.map(async ([name, [second, status]]) => {
            const about = `${name}, ${when}, ${way}`
            const { body, rest } = firstOf(await exchange(port, first.bytes, second, when))
            assert.ok(body === first.body, `${about}: ${body.length} bytes of ${first.body.length}`)
            // When the response to the POST is whole, what follows is a request of its own.
            assert.deepEqual(rest.match(/HTTP\/1\.1 \d{3}/g), [`HTTP/1.1 ${status}`], about)
            assert.match(rest, /^connection: close\r$/m, about)
          }),
        )
  })

test('A refusal of CONNECT has the request id of its client', async (t) => {
  for (const port of Object.values(await startPorts(t))) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`CONNECT a:1${rest}X-Request-Id: mine\r\n\r\n`)
    const text = (await socket.toArray()).join('')
    assert.match(text, /^HTTP\/1\.1 405.*x-request-id: mine\r\n.*"instance":"mine"/s)
  }
})

test('A client that resets its connection after CONNECT, or behind a response that it does not read, ends nothing else', async (t) => {
  for (const port of Object.values(await startPorts(t)))
    for (const first of ['', firsts['a streamed list'].bytes]) {
      const socket = connect(port, '127.0.0.1')
      socket.write(`${first}CONNECT a:1${rest}\r\n`)
      await delay(50)
      socket.resetAndDestroy()
      await delay(20)
      const next = connect(port, '127.0.0.1')
      next.write(
        `POST /guid${rest}Connection: close\r\n${firsts['a slow POST'].bytes.split('Host: a\r\n')[1]}`,
      )
      assert.match((await next.toArray()).join(''), /^HTTP\/1\.1 200/)
    }
})
