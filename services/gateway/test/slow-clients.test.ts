import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { closeOf, sendBehind } from '@quintet/chassis/testing/sockets'
import { ask, start } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { startUpstream } from './start-upstream.ts'

/** A service that echoes bodies, at once. */
const echo = (t: TestContext) => startUpstream(t, (incoming, response) => incoming.pipe(response))

/** Opens connections that send this text. To be called before the gateway starts: it closes once they are closed. */
function createConnections(t: TestContext) {
  const all: Socket[] = []
  t.after(() => {
    for (const socket of all) socket.destroy()
  })
  return (port: number, count: number, text: string): Socket[] => {
    const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'))
    all.push(...sockets)
    for (const socket of sockets) socket.on('error', () => {}).write(text)
    return sockets
  }
}

test('A small body that is withheld holds no place: the service gets a request once its body is complete', async (t) => {
  const openConnections = createConnections(t)
  let requests = 0
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    requests += 1
    incoming.pipe(response)
  })
  const { url, port } = await startGateway(t, { GUID_URL, GATEWAY_IN_FLIGHT_MAX: 2 })
  const head = 'POST /guid HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n'
  const [slow] = openConnections(port, 20, `${head}he`)
  for (let count = 0; count < 5; count += 1)
    assert.equal((await ask(`${url}/guid`, { method: 'POST', body: 'x' })).body.toString(), 'x')
  assert.equal(requests, 5)
  slow?.write('llo')
  assert.match(String((await slow?.toArray())?.join('')), /hello\r\n0\r\n\r\n$/)
})

for (const [framing, first, second] of [
  ['a length', 'Content-Length: 100000\r\n\r\n', ''],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n11172\r\n', '\r\n0\r\n\r\n'],
] as const)
  test(`A large body with ${framing} is sent as it arrives, and none of it is lost`, async (t) => {
    const openConnections = createConnections(t)
    const GUID_URL = await echo(t)
    const { port } = await startGateway(t, { GUID_URL })
    const length = framing === 'chunks' ? 0x11172 : 100_000
    const [socket] = openConnections(
      port,
      1,
      `POST /guid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${first}`,
    )
    assert.ok(socket)
    const body = Array.from({ length: Math.ceil(length / 10) }, (_, at) => String(at).padStart(10, '0'))
      .join('')
      .slice(0, length)
    for (let at = 0; at < length; at += 7_001) {
      socket.write(body.slice(at, at + 7_001))
      await setTimeout(1)
    }
    socket.write(second)
    const text = (await socket.toArray()).join('')
    assert.ok(text.replace(/\r\n[\da-f]+\r\n/g, '').includes(body.slice(70_000)))
    assert.ok(text.length > length)
  })

test('When too many bodies are being read, the oldest gets 408, and a quick one is forwarded', async (t) => {
  const openConnections = createConnections(t)
  const GUID_URL = await echo(t)
  const { url, port, begun } = await startGateway(t, { GUID_URL, GATEWAY_BODIES_READ_MAX: 3 })
  const head = 'POST /guid HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n'
  const [first] = openConnections(port, 1, head)
  assert.ok(first)
  const oldest = once(first, 'data')
  await until(() => begun() === 1)
  openConnections(port, 2, head)
  await until(() => begun() === 3)
  for (let count = 0; count < 3; count += 1)
    assert.equal((await ask(`${url}/guid`, { method: 'POST', body: 'x' })).status, 200)
  assert.match(String((await oldest)[0]), /^HTTP\/1\.1 408/)
})

test('Large bodies have a lane of their own, in which the oldest is ended for a new one', async (t) => {
  const openConnections = createConnections(t)
  const GUID_URL = await echo(t)
  const { url, port } = await startGateway(t, { GUID_URL, GATEWAY_SLOW_MAX: 2, GATEWAY_IN_FLIGHT_MAX: 2 })
  const head = 'POST /guid HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx'
  const closed = openConnections(port, 10, head).map(closeOf)
  await Promise.all(closed.slice(0, 8))
  for (let count = 0; count < 5; count += 1) {
    assert.equal((await ask(`${url}/guid`)).status, 200)
    assert.equal((await ask(`${url}/guid`, { method: 'POST', body: Buffer.alloc(200_000) })).status, 200)
  }
})

test('A client that has its share of the places gets 429 with Retry-After, and another client is served', async (t) => {
  const waiting: ServerResponse[] = []
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/guid/wait') waiting.push(response)
    else response.end()
  })
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_IN_FLIGHT_MAX: 8 })
  const greedy = Array.from({ length: 4 }, () => ask(`${url}/guid/wait`))
  while (waiting.length < 4) await setTimeout(1)
  const beyond = await ask(`${url}/guid`, { method: 'POST', body: 'x' })
  assert.deepEqual([beyond.status, beyond.headers['retry-after']], [429, '1'])
  assert.equal((await ask(`${url}/guid`, { localAddress: '127.0.0.2' })).status, 200)
  for (const response of waiting) response.end()
  await Promise.all(greedy)
  assert.equal((await ask(`${url}/guid`)).status, 200)
})

test('Of the requests for what the gateway serves itself a client has a share too', async (t) => {
  const waiting: ServerResponse[] = []
  const GUID_URL = await startUpstream(t, (_incoming, response) => void waiting.push(response))
  const { url, begun } = await startGateway(t, { GUID_URL, GATEWAY_IN_FLIGHT_MAX: 8 })
  const greedy = Array.from({ length: 4 }, () => ask(`${url}/health`))
  await until(() => begun() === 4 && waiting.length > 0)
  for (const path of [
    '/openapi.json',
    '/docs/',
    '/docs/static/swagger-ui.css',
    '/metrics',
    '/',
    '/health/live',
  ]) {
    const beyond = await ask(`${url}${path}`)
    assert.deepEqual([beyond.status, beyond.headers['retry-after']], [429, '1'], path)
  }
  assert.equal((await ask(`${url}/health/live`, { localAddress: '127.0.0.2' })).status, 200)
  for (const response of waiting) response.end()
  await Promise.all(greedy)
  assert.equal((await ask(`${url}/metrics`)).status, 200)
})

test('Clients that do not read what the gateway serves itself hold no places of others', async (t) => {
  const openConnections = createConnections(t)
  const { url, port, begun } = await startGateway(t, { GATEWAY_IN_FLIGHT_MAX: 4, GATEWAY_SLOW_MAX: 6 })
  await ask(`${url}/docs/static/swagger-ui-bundle.js`)
  for (let count = 0; count < 8; count += 1) {
    const get = 'GET /docs/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n'
    const before = begun()
    for (const socket of openConnections(port, 1, get)) socket.pause()
    await until(() => begun() > before)
    await setTimeout(30)
    assert.equal((await ask(`${url}/health/live`)).status, 200)
  }
})

test('Clients that do not read their responses hold no places of others', async (t) => {
  const openConnections = createConnections(t)
  const piece = Buffer.alloc(1_000_000)
  const GUID_URL = await startUpstream(t, (incoming, response) =>
    response.end(
      incoming.url === '/guid/large' ? Buffer.concat(Array.from({ length: 8 }, () => piece)) : 'ok',
    ),
  )
  const { url, port } = await startGateway(t, { GUID_URL, GATEWAY_IN_FLIGHT_MAX: 4, GATEWAY_SLOW_MAX: 6 })
  const head = 'GET /guid/large HTTP/1.1\r\nHost: a\r\n\r\n'
  for (let count = 0; count < 12; count += 1) {
    const [socket] = openConnections(port, 1, head)
    socket?.pause()
    // Until what the sockets hold is full, the response takes a place like any other.
    while ((await ask(`${url}/guid`)).status !== 200) await setTimeout(5)
  }
  for (let count = 0; count < 10; count += 1) assert.equal((await ask(`${url}/guid`)).status, 200)
  assert.equal((await ask(`${url}/guid/large`)).body.length, 8_000_000)
})

test('A whole exchange has a deadline, for clients that do not read as for services that do not end', async (t) => {
  const clock = createManualClock(1_000_000)
  const arrived = Promise.withResolvers<ServerResponse>()
  const GUID_URL = await startUpstream(t, (_request, response) => {
    response.write(Buffer.alloc(20_000_000))
    arrived.resolve(response)
  })
  const { url } = await startGateway(t, { GUID_URL }, { clock })
  const answer = await start(`${url}/guid`, {})
  t.after(() => answer.destroy())
  answer.on('error', () => {}).pause()
  const response = await arrived.promise
  clock.advance(59_000)
  await setTimeout(400)
  assert.equal(response.destroyed, false)
  clock.advance(1_000)
  await once(response, 'close')
  assert.equal(response.writableFinished, false)
})

/** A service whose events are the texts that `say` is called with. */
async function startEvents(t: TestContext) {
  const open = new Set<ServerResponse>()
  const url = await startUpstream(t, (incoming, response) => {
    if (incoming.url !== '/guids/events') return response.end('ok')
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.write('data: first\n\n')
    open.add(response)
    return response.on('close', () => open.delete(response))
  })
  return { url, open, say: (text: string) => Array.from(open, (response) => response.write(text)) }
}

for (const when of ['at once', 'later'] as const)
  test(`A request that is sent behind server-sent events ${when} closes the connection, and their place is free again`, async (t) => {
    const events = await startEvents(t)
    const { url, port } = await startGateway(t, { GUID_URL: events.url })
    const behind = 'GET /guid HTTP/1.1\r\nHost: a\r\n\r\n'
    const stream = 'GET /guids/events HTTP/1.1\r\nHost: a\r\n\r\n'
    assert.doesNotMatch(await sendBehind(port, stream, behind, when), /HTTP.*HTTP/s)
    while (events.open.size > 0) await setTimeout(1)
    assert.equal((await ask(`${url}/guid`)).status, 200)
  })

test('Server-sent events pass at once, beyond the timeout and the deadline of other responses, outside the places of requests', async (t) => {
  const clock = createManualClock(1_000_000)
  const events = await startEvents(t)
  const settings = {
    GUID_URL: events.url,
    GATEWAY_TIMEOUT_MS: 100,
    GATEWAY_IN_FLIGHT_MAX: 2,
    GATEWAY_STREAMS_MAX: 4,
  }
  const { url } = await startGateway(t, settings, { clock })
  const streams = []
  for (let count = 0; count < 2; count += 1) {
    const stream = await start(`${url}/guids/events`, {})
    assert.equal(String((await once(stream, 'data'))[0]), 'data: first\n\n')
    streams.push(stream)
  }
  clock.advance(3_600_000)
  await setTimeout(500)
  const heartbeats = streams.map((stream) => once(stream, 'data'))
  events.say(': heartbeat\n\n')
  for (const heartbeat of heartbeats) assert.equal(String((await heartbeat)[0]), ': heartbeat\n\n')
  assert.equal((await ask(`${url}/guid`)).status, 200)
  const beyond = await ask(`${url}/guids/events`)
  assert.deepEqual([beyond.status, beyond.headers['retry-after']], [429, '1'])
  streams.push(await start(`${url}/guids/events`, { localAddress: '127.0.0.2' }))
  assert.equal(streams.at(-1)?.statusCode, 200)
  for (const stream of streams) stream.destroy()
  while (events.open.size > 0) await setTimeout(1)
  const again = await start(`${url}/guids/events`, {})
  assert.equal(again.statusCode, 200)
  again.destroy()
})

test('Server-sent events end with the API key that they were requested with, and after five minutes', async (t) => {
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const folder = mkdtempSync(join(tmpdir(), 'quintet-events-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const API_KEYS_FILE = join(folder, 'keys.jsonl')
  const keys = ['2030-01-01T00:01Z', undefined].map((expires, i) =>
    createApiKey({ id: `key-${i}`, scopes: ['guid:read'], ...(expires !== undefined && { expires }) }),
  )
  writeFileSync(API_KEYS_FILE, keys.map(({ entry }) => JSON.stringify(entry)).join('\n'))
  const events = await startEvents(t)
  const settings = { GUID_URL: events.url, AUTH: 'optional', API_KEYS_FILE } as const
  const { url } = await startGateway(t, settings, { clock })
  const [expiring, lasting, anonymous] = await Promise.all(
    [...keys.map(({ key }) => ({ 'x-api-key': key })), {}].map(async (headers) => {
      const stream = await start(`${url}/guids/events`, { headers })
      let text = ''
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      await once(stream, 'data')
      return { stream, text: () => text }
    }),
  )
  assert.ok(expiring && lasting && anonymous)
  for (const [one, afterMs] of [
    [expiring, 60_000],
    [lasting, 240_000],
  ] as const) {
    const open = events.open.size
    const ended = once(one.stream, 'end')
    clock.advance(afterMs)
    await ended
    assert.ok(one.stream.complete)
    while (events.open.size === open) await setTimeout(1)
    assert.equal(events.open.size, open - 1)
  }
  events.say('data: second\n\n')
  while (!anonymous.text().includes('second')) await setTimeout(1)
  assert.doesNotMatch(expiring.text() + lasting.text(), /second/)
  anonymous.stream.destroy()
})

test('A client that closes its side of the connection gets the events of about a second, and holds no stream', async (t) => {
  const events = await startEvents(t)
  const { port } = await startGateway(t, { GUID_URL: events.url, GATEWAY_STREAMS_MAX: 1 })
  for (const pauseMs of [0, 100]) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.write('GET /guids/events HTTP/1.1\r\nHost: a\r\n\r\n')
    await setTimeout(pauseMs)
    socket.end()
    const text = String(Buffer.concat(await socket.toArray()))
    assert.match(text, /^HTTP\/1\.1 200 .*data: first.*\r\n0\r\n\r\n$/s)
    while (events.open.size > 0) await setTimeout(1)
  }
})

test('A client that closes its side after its request gets its response, however late or long', async (t) => {
  const long = 'x'.repeat(2_000_000)
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    incoming.resume().once('end', () => void setTimeout(100).then(() => response.end(long)))
  })
  const { port } = await startGateway(t, { GUID_URL })
  for (const body of ['', 'y', 'y'.repeat(1_000_000)]) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end(`POST /guid HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const text = String(Buffer.concat(await socket.toArray()))
    assert.match(text, /^HTTP\/1\.1 200 /)
    assert.equal(text.match(/x{1000}/g)?.length, 2_000)
  }
})

test('A client that has gone without a word holds its place until the response, and no longer', async (t) => {
  const waiting: ServerResponse[] = []
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/guid/slow') waiting.push(response)
    else response.end('ok')
  })
  const { url, port } = await startGateway(t, { GUID_URL, GATEWAY_IN_FLIGHT_MAX: 1 })
  connect(port, '127.0.0.1').end('GET /guid/slow HTTP/1.1\r\nHost: a\r\n\r\n').destroySoon()
  while (waiting.length === 0) await setTimeout(1)
  assert.equal((await ask(`${url}/guid`)).status, 503)
  waiting[0]?.end('x')
  while ((await ask(`${url}/guid`)).status !== 200) await setTimeout(1)
})

test('A stream of events that is silent for too long is ended', async (t) => {
  const events = await startEvents(t)
  const { url } = await startGateway(t, { GUID_URL: events.url, GATEWAY_STREAM_IDLE_MS: 100 })
  await assert.rejects((await start(`${url}/guids/events`, {})).toArray(), { code: 'ECONNRESET' })
})

test('Closing ends the streams of events', async (t) => {
  const events = await startEvents(t)
  const { app, url } = await startGateway(t, { GUID_URL: events.url })
  const stream = await start(`${url}/guids/events`, {})
  const reading = stream.toArray()
  await app.close()
  assert.equal((await reading).join(''), 'data: first\n\n')
})

test('A client that goes while its body is read leaves nothing behind', async (t) => {
  const GUID_URL = await echo(t)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_BODIES_READ_MAX: 1 })
  for (let count = 0; count < 5; count += 1) {
    const leaving = request(`${url}/guid`, { method: 'POST' }).on('error', () => {})
    leaving.write('part')
    await setTimeout(10)
    leaving.destroy()
  }
  assert.equal((await ask(`${url}/guid`, { method: 'POST', body: 'x' })).status, 200)
})
