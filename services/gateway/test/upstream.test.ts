import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { sendBytes } from '@quintet/chassis/testing/sockets'
import type { ExchangeError } from '../src/http1/connection.ts'
import { createUpstream } from '../src/upstream.ts'
import { createUpstreamMetrics } from '../src/upstream-metrics.ts'
import { ask, start } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { absentUpstream, startRawUpstream, startUpstream } from './start-upstream.ts'

/** The address that a server listens on. */
function addressOf(server: Server): string {
  const address = server.address()
  return typeof address === 'object' && address !== null ? `${address.address}:${address.port}` : ''
}

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Calls the handler for each request with its number on all connections, and that of its connection, both from 1. */
function countingUpstream(
  onRequest: (socket: Socket, count: { request: number; onConnection: number }) => void,
) {
  let requests = 0
  return {
    requests: () => requests,
    onConnection(socket: Socket): void {
      let onConnection = 0
      socket.on('data', () => {
        requests += 1
        onConnection += 1
        onRequest(socket, { request: requests, onConnection })
      })
    },
  }
}

/** The statuses of requests up to the first 503, at most six: a timeout counts only once a probe has had no response either. */
async function statusesUntilOpen(url: string): Promise<number[]> {
  const statuses: number[] = []
  while (statuses.at(-1) !== 503 && statuses.length < 6) statuses.push((await ask(`${url}/guid`)).status)
  return statuses
}

test('A refused connection gets 502 with a problem document', async (t) => {
  const { url } = await startGateway(t, { GUID_URL: await absentUpstream(t) })
  const answer = await ask(`${url}/guid`, { method: 'POST', headers: { 'x-request-id': 'abc' }, body: '{}' })
  assert.equal(answer.status, 502)
  assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
  const detail = 'The guid service cannot be reached; nothing was changed.'
  assert.deepEqual(answer.json(), {
    type: 'urn:quintet:problem:bad-gateway',
    title: 'Bad gateway',
    status: 502,
    detail,
    instance: 'abc',
    message: detail,
  })
})

test('A service that does not respond in time gets 504', async (t) => {
  const GUID_URL = await startUpstream(t, () => {})
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 60 })
  const answer = await ask(`${url}/guid`)
  assert.deepEqual([answer.status, answer.json().title], [504, 'Gateway timeout'])
})

test('A response head that arrives byte by byte must be complete in time as well', async (t) => {
  const GUID_URL = await startRawUpstream(t, (socket) => {
    const timer = setInterval(() => socket.write('H'), 10)
    socket.on('close', () => clearInterval(timer))
  })
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 100 })
  assert.equal((await ask(`${url}/guid`)).status, 504)
})

test('A connection closed before the response gets 502, and a POST is not retried', async (t) => {
  const upstream = countingUpstream((socket) => socket.destroy())
  const { url } = await startGateway(t, { GUID_URL: await startRawUpstream(t, upstream.onConnection) })
  const answer = await ask(`${url}/guid`, { method: 'POST' })
  assert.deepEqual([answer.status, upstream.requests()], [502, 1])
  assert.match(String(answer.json().detail), /It is unknown whether the request took effect\.$/)
})

test('A response that is not HTTP, or whose length is ambiguous, gets 502', async (t) => {
  const bad = [
    'SSH-2.0-x\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    `${okay}more`,
  ]
  const { onConnection } = countingUpstream((socket, { request }) => socket.write(bad[request - 1] ?? okay))
  const { url } = await startGateway(t, { GUID_URL: await startRawUpstream(t, onConnection) })
  for (const _ of bad) assert.equal((await ask(`${url}/guid`)).status, 502)
  assert.equal((await ask(`${url}/guid`)).status, 200)
})

const cutShort = {
  'a length': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello',
  chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
}

for (const [framing, text] of Object.entries(cutShort))
  test(`A truncated response with ${framing} reaches the client as a truncated response`, async (t) => {
    const upstream = countingUpstream((socket) => socket.end(text))
    const { url } = await startGateway(t, { GUID_URL: await startRawUpstream(t, upstream.onConnection) })
    const answer = await start(`${url}/guid`, {})
    await assert.rejects(answer.toArray(), { code: 'ECONNRESET' })
    assert.equal(upstream.requests(), 1)
  })

test('A client of HTTP/1.0 sees a reset where a response is truncated, not a normal close', async (t) => {
  const { onConnection } = countingUpstream((socket) => socket.end(cutShort.chunks))
  const { port } = await startGateway(t, { GUID_URL: await startRawUpstream(t, onConnection) })
  await assert.rejects(sendBytes(port, 'GET /guid HTTP/1.0\r\n\r\n'), { code: 'ECONNRESET' })
})

test('A response that stops midway is aborted after the timeout', async (t) => {
  const GUID_URL = await startUpstream(t, (_request, response) => response.write('hello'))
  // Long enough for the head on a busy machine.
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 500 })
  await assert.rejects((await start(`${url}/guid`, {})).toArray(), { code: 'ECONNRESET' })
})

test('A response may take longer than the timeout as long as it makes progress', async (t) => {
  const GUID_URL = await startUpstream(t, (_request, response) => {
    let pieces = 0
    const timer = setInterval(() => {
      response.write('x')
      pieces += 1
      if (pieces < 10) return
      clearInterval(timer)
      response.end()
    }, 60)
  })
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 400 })
  assert.equal((await ask(`${url}/guid`)).body.toString(), 'xxxxxxxxxx')
})

/** A service that refuses every request by closing the connection, until it is back; its requests are recorded. */
function failingUpstream() {
  const requests: string[] = []
  const state = { isBack: false, probe: (socket: Socket): unknown => socket.destroy() }
  return {
    requests,
    state,
    onConnection(socket: Socket): void {
      socket.on('data', (bytes: Buffer) => {
        const path = bytes.toString('latin1').split(' ', 2)[1] ?? ''
        requests.push(path)
        if (state.isBack) socket.write(okay)
        else if (path === '/health/live') state.probe(socket)
        else socket.destroy()
      })
    },
  }
}

/** Asks until the status is the expected one. */
async function askUntil(url: string, status: number): Promise<void> {
  for (; (await ask(url)).status !== status; await setTimeout(5));
}

test('Consecutive faults open the circuit: 503 with Retry-After, until the gateway finds the service back by a request of its own', async (t) => {
  const clock = createManualClock(1_000_000)
  const upstream = failingUpstream()
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(
    t,
    { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 3, GATEWAY_CIRCUIT_OPEN_MS: 5_000, GATEWAY_RETRY_PERCENT: 0 },
    { clock },
  )
  const statuses: number[] = []
  for (let count = 0; count < 5; count += 1) statuses.push((await ask(`${url}/guid`)).status)
  assert.deepEqual([statuses, upstream.requests.length], [[502, 502, 502, 503, 503], 3])

  clock.advance(1_500)
  const refused = await ask(`${url}/guid`)
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '4'])
  assert.equal(
    refused.json().message,
    'The guid service is failing; requests are not forwarded to it at the moment.',
  )

  clock.advance(3_500)
  while (upstream.requests.length < 4) await setTimeout(5)
  assert.deepEqual([(await ask(`${url}/guid`)).status, upstream.requests.at(-1)], [503, '/health/live'])

  upstream.state.isBack = true
  clock.advance(5_000)
  await askUntil(`${url}/guid`, 200)
  assert.deepEqual(upstream.requests.slice(3), ['/health/live', '/health/live', '/guid'])
})

test('A probe that is not answered ends in time, and another follows; no client waits for it', async (t) => {
  const upstream = failingUpstream()
  upstream.state.probe = () => {}
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(t, {
    GUID_URL,
    GATEWAY_CIRCUIT_FAULTS_MAX: 1,
    GATEWAY_RETRY_PERCENT: 0,
    GATEWAY_CIRCUIT_OPEN_MS: 100,
    GATEWAY_TIMEOUT_MS: 200,
  })
  assert.equal((await ask(`${url}/guid`)).status, 502)
  while (upstream.requests.length < 2) await setTimeout(5)
  const startedAt = performance.now()
  assert.equal((await ask(`${url}/guid`)).status, 503)
  assert.ok(performance.now() - startedAt < 150)
  while (upstream.requests.length < 3) await setTimeout(5)
  upstream.state.isBack = true
  await askUntil(`${url}/guid`, 200)
})

test('A client that drips its body while the circuit is open does not keep it open', async (t) => {
  const upstream = failingUpstream()
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url, port } = await startGateway(t, {
    GUID_URL,
    GATEWAY_CIRCUIT_FAULTS_MAX: 1,
    GATEWAY_RETRY_PERCENT: 0,
    GATEWAY_CIRCUIT_OPEN_MS: 100,
  })
  assert.equal((await ask(`${url}/guid`)).status, 502)
  const dripping = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'))
  const timer = setInterval(() => {
    for (const socket of dripping) socket.write('x')
  }, 10)
  t.after(() => clearInterval(timer))
  for (const socket of dripping) {
    socket.on('error', () => {})
    socket.resume().write('POST /guid HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n')
  }
  upstream.state.isBack = true
  await askUntil(`${url}/guid`, 200)
  for (const socket of dripping) socket.destroy()
})

test('A connection closed amid a body that still arrives is no fault of the service', async (t) => {
  const upstream = countingUpstream((socket) => {
    const isUpload = socket.bytesRead > 1_000
    return isUpload ? socket.resetAndDestroy() : socket.write(okay)
  })
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 1 })
  // On a keep-alive connection, since closing it after the response would abort the upload.
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  for (let count = 0; count < 3; count += 1) {
    const upload = { method: 'POST', body: Buffer.alloc(20_000_000), agent }
    assert.equal((await ask(`${url}/guid`, upload)).status, 502)
    assert.equal((await ask(`${url}/guid`)).status, 200)
  }
})

test('Of several addresses of a service, one that fails is left out, and the others respond', async (t) => {
  const server = createServer((_request, response) => response.end('ok'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const { port } = new URL(`http://${addressOf(server)}`)
  const found = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  const { url } = await startGateway(
    t,
    { GUID_URL: `http://guid.example:${port}`, GATEWAY_CIRCUIT_FAULTS_MAX: 3 },
    { resolve: async () => found },
  )
  const statuses: number[] = []
  for (let count = 0; count < 20; count += 1) statuses.push((await ask(`${url}/guid`)).status)
  assert.deepEqual(new Set(statuses), new Set([200]))
  const posts = await Promise.all(
    Array.from({ length: 20 }, () => ask(`${url}/guid`, { method: 'POST', body: 'x' })),
  )
  assert.ok(posts.every(({ status }) => status === 200))
})

test('A response of any status is no fault: the circuit stays closed', async (t) => {
  const statuses = [400, 404, 409, 412, 422, 429, 500, 503]
  const { onConnection } = countingUpstream((socket, { request }) =>
    socket.write(`HTTP/1.1 ${statuses[request - 1]} X\r\nContent-Length: 0\r\n\r\n`),
  )
  const GUID_URL = await startRawUpstream(t, onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 1 })
  for (const status of statuses) assert.equal((await ask(`${url}/guid`)).status, status)
})

test('A client that aborts, or does not send its body, is no fault of the service', async (t) => {
  const responses: ServerResponse[] = []
  const arrived = Promise.withResolvers<void>()
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/guid/answered') response.end('ok')
    if (incoming.url === '/guid/left') {
      responses.push(response)
      arrived.resolve()
    }
  })
  const { url, port } = await startGateway(t, {
    GUID_URL,
    GATEWAY_CIRCUIT_FAULTS_MAX: 1,
    GATEWAY_TIMEOUT_MS: 300,
  })
  const leaving = request(`${url}/guid/left`).on('error', () => {})
  leaving.end()
  await arrived.promise
  const closed = Promise.all(responses.map((response) => once(response, 'close')))
  leaving.socket?.resetAndDestroy()
  await closed
  const socket = connect(port, '127.0.0.1')
  socket.write('POST /guid/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf')
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 408/)
  socket.destroy()
  assert.equal((await ask(`${url}/guid/answered`)).status, 200)
})

test('A service that stops reading a body is at fault: 504', async (t) => {
  const GUID_URL = await startRawUpstream(t, (socket) => socket.pause())
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 500, GATEWAY_CIRCUIT_FAULTS_MAX: 1 })
  // On a keep-alive connection, since closing it after the response would abort the upload.
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const upload = { method: 'POST', body: Buffer.alloc(20_000_000), agent }
  assert.equal((await ask(`${url}/guid`, upload)).status, 504)
  assert.equal((await statusesUntilOpen(url)).at(-1), 503)
})

test('A keep-alive connection that the service has closed is no fault: a GET is retried on a new one', async (t) => {
  const upstream = countingUpstream((socket, { onConnection }) =>
    onConnection === 1 ? socket.write(okay) : socket.resetAndDestroy(),
  )
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 1 })
  await Promise.all([1, 2, 3].map(() => ask(`${url}/guid`)))
  for (let count = 0; count < 3; count += 1) assert.equal((await ask(`${url}/guid`)).status, 200)
  assert.equal(upstream.requests(), 3 + 6)
})

for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
  test(`${method} without a body is retried when the connection is closed before the response`, async (t) => {
    const head = method === 'HEAD' ? okay.slice(0, -2) : okay
    const upstream = countingUpstream((socket, { request }) =>
      request === 1 ? socket.destroy() : socket.write(head),
    )
    const { url } = await startGateway(t, { GUID_URL: await startRawUpstream(t, upstream.onConnection) })
    const answer = await ask(`${url}/guid`, {
      method,
      headers: method === 'PUT' ? { 'content-length': 0 } : {},
    })
    assert.deepEqual([answer.status, upstream.requests()], [200, 2])
  })

test('No request is retried twice', async (t) => {
  const upstream = countingUpstream((socket) => socket.destroy())
  const { url } = await startGateway(t, { GUID_URL: await startRawUpstream(t, upstream.onConnection) })
  assert.deepEqual([(await ask(`${url}/guid`)).status, upstream.requests()], [502, 2])
})

test('POST, PATCH and a PUT with a body are never retried, not even on a keep-alive connection', async (t) => {
  const upstream = countingUpstream((socket, { onConnection }) =>
    onConnection === 1 ? socket.write(okay) : socket.resetAndDestroy(),
  )
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 1 })
  for (const [method, body] of [
    ['POST', ''],
    ['PATCH', ''],
    ['PUT', 'x'],
  ] as const) {
    assert.equal((await ask(`${url}/guid`)).status, 200)
    assert.equal((await ask(`${url}/guid`, { method, body })).status, 502)
  }
  assert.equal(upstream.requests(), 6)
})

test('A 503, a malformed and a late response are not retried', async (t) => {
  // A late one comes last, since a probe follows.
  const bad = ['HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n', 'nonsense\r\n\r\n', '']
  const upstream = countingUpstream((socket, { request }) => socket.write(bad[request - 1] ?? okay))
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 100 })
  const statuses: number[] = []
  for (const _ of bad) statuses.push((await ask(`${url}/guid`)).status)
  assert.deepEqual([statuses, upstream.requests()], [[503, 502, 504], 3])
})

test('Retries end when the budget is used up', async (t) => {
  const clock = createManualClock(1_000_000)
  const upstream = countingUpstream((socket) => socket.destroy())
  const GUID_URL = await startRawUpstream(t, upstream.onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 1_000 }, { clock })
  for (let count = 0; count < 10; count += 1) await ask(`${url}/guid`)
  assert.equal(upstream.requests(), 10 + 3)
  clock.advance(10_000)
  await ask(`${url}/guid`)
  assert.equal(upstream.requests(), 13 + 2)
})

test('Requests beyond the limit in flight get 503, and pass again once there are fewer', async (t) => {
  const waiting: ServerResponse[] = []
  const arrived = Promise.withResolvers<void>()
  const GUID_URL = await startUpstream(t, (_request, response) => {
    waiting.push(response)
    if (waiting.length === 4) arrived.resolve()
    if (waiting.length > 4) response.end()
  })
  const { url } = await startGateway(t, {
    GUID_URL,
    GATEWAY_IN_FLIGHT_MAX: 4,
    GATEWAY_CLIENT_SHARE_PERCENT: 100,
  })
  const first = Array.from({ length: 4 }, () => ask(`${url}/guid`))
  await arrived.promise
  const beyond = await ask(`${url}/guid`)
  assert.deepEqual(
    [beyond.status, beyond.json().title, beyond.headers['retry-after']],
    [503, 'Overloaded', '1'],
  )
  for (const response of waiting) response.end()
  assert.ok((await Promise.all(first)).every(({ status }) => status === 200))
  assert.equal((await ask(`${url}/guid`)).status, 200)
})

/** An upstream with one place, without a gateway. */
function upstreamWithOnePlace(t: TestContext, url: string) {
  const upstream = createUpstream({
    service: 'guid',
    urls: [new URL(url)],
    timeoutMs: 1_000,
    streamIdleMs: 1_000,
    inFlightMax: 1,
    clientSharePercent: 100,
    slowMax: 1,
    streamsMax: 1,
    circuitFaultsMax: 1,
    circuitFaultPercent: 50,
    circuitOpenMs: 1_000,
    retryPercent: 100,
    clock: createManualClock(0),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createUpstreamMetrics(createMetrics()),
  })
  t.after(upstream.close)
  return upstream
}

const getOfOne = {
  method: 'GET',
  target: '/',
  head: '\r\n',
  body: undefined,
  isChunked: false,
  client: '127.0.0.1',
}

test('A request whose client has gone before the response keeps its place for a while, since it may still wait at the service', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const begun = Promise.withResolvers<void>()
  const url = await startRawUpstream(t, (socket) => socket.on('data', () => begun.resolve()))
  const upstream = upstreamWithOnePlace(t, url)
  const listener = { onHead() {}, onBody() {}, onEnd() {}, onFailure() {} }
  const exchange = upstream.send(getOfOne, listener)
  await begun.promise
  exchange.abort()
  assert.throws(() => upstream.check(getOfOne.client), { code: 'overloaded' })
  t.mock.timers.tick(3_999)
  assert.throws(() => upstream.check(getOfOne.client), { code: 'overloaded' })
  t.mock.timers.tick(1)
  upstream.check(getOfOne.client)
})

test('An error while a response is passed on ends its request once', async (t) => {
  const url = await startRawUpstream(t, (socket) => socket.on('data', () => socket.write(okay)))
  const upstream = upstreamWithOnePlace(t, url)
  const send = (onHead: () => void) =>
    new Promise<string>((resolve) => {
      const onFailure = ({ fault }: ExchangeError) => resolve(fault)
      upstream.send(getOfOne, { onHead: () => resolve(String(onHead())), onBody() {}, onEnd() {}, onFailure })
    })
  const broken = () => {
    throw new Error('broken')
  }
  assert.equal(await send(broken), 'internal')
  const responses = [send(() => {})]
  assert.throws(() => upstream.send(getOfOne, { onHead() {}, onBody() {}, onEnd() {}, onFailure() {} }), {
    code: 'overloaded',
  })
  assert.deepEqual(await Promise.all(responses), ['undefined'])
  assert.equal(upstream.circuit(), 'closed')
})

test('A service that hangs on connections that it has used before opens its circuit', async (t) => {
  const { onConnection } = countingUpstream((socket, { request }) => {
    if (request <= 3) socket.write(okay)
  })
  const GUID_URL = await startRawUpstream(t, onConnection)
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 300, GATEWAY_CIRCUIT_FAULTS_MAX: 2 })
  await Promise.all(Array.from({ length: 3 }, () => ask(`${url}/guid`)))
  const statuses = await statusesUntilOpen(url)
  assert.deepEqual([statuses.slice(0, 2), statuses.at(-1)], [[504, 504], 503])
})

test('Requests that take too long open no circuit while the service responds to probes', async (t) => {
  let probes = 0
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/health/live') probes += 1
    if (incoming.url !== '/guids') response.end()
  })
  const { url } = await startGateway(t, { GUID_URL, GATEWAY_TIMEOUT_MS: 400, GATEWAY_CIRCUIT_FAULTS_MAX: 2 })
  for (let round = 1; round <= 3; round += 1) {
    const expensive = await Promise.all(Array.from({ length: 25 }, () => ask(`${url}/guids`)))
    assert.deepEqual([...new Set(expensive.map(({ status }) => status))], [504])
    for (let honest = 0; honest < 5; honest += 1) assert.equal((await ask(`${url}/guid`)).status, 200)
  }
  assert.ok(probes >= 3 && probes <= 10, `${probes} probes`)
})

test('Of two addresses the one that hangs is left out, and not the one on which only a request is slow', async (t) => {
  const live = createServer((incoming, response) => {
    if (incoming.url !== '/guids') response.end()
  })
  const hanging = createServer(() => {})
  await once(live.listen(0, '127.0.0.1'), 'listening')
  const port = Number(addressOf(live).split(':')[1])
  await once(hanging.listen(port, '127.0.0.2'), 'listening')
  for (const server of [live, hanging]) t.after(() => server.close().closeAllConnections())
  const found = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  const { url } = await startGateway(
    t,
    { GUID_URL: `http://guid.example:${port}`, GATEWAY_TIMEOUT_MS: 150, GATEWAY_CIRCUIT_FAULTS_MAX: 2 },
    { resolve: async () => found },
  )
  await Promise.all(Array.from({ length: 8 }, () => ask(`${url}/guids`)))
  await setTimeout(400)
  for (let honest = 0; honest < 6; honest += 1) assert.equal((await ask(`${url}/guid`)).status, 200)
})

test('While one service hangs at its limit in flight, another responds as usual', async (t) => {
  const hanging: ServerResponse[] = []
  const arrived = Promise.withResolvers<void>()
  const GUID_URL = await startUpstream(t, (_request, response) => {
    if (hanging.push(response) === 50) arrived.resolve()
  })
  const INVENTORY_URL = await startUpstream(t, (_request, response) => response.end('movies'))
  const { url } = await startGateway(t, { GUID_URL, INVENTORY_URL, GATEWAY_IN_FLIGHT_MAX: 100 })
  let ended = 0
  const stuck = Array.from({ length: 50 }, async () => {
    await ask(`${url}/guid`)
    ended += 1
  })
  await arrived.promise
  const others = await Promise.all(
    Array.from({ length: 100 }, (_, count) => ask(`${url}/api/movies/${count}`)),
  )
  assert.ok(others.every(({ body }) => body.toString() === 'movies'))
  assert.equal(ended, 0)
  for (const response of hanging) response.end()
  await Promise.all(stuck)
})

test('Requests, faults, retries and refusals of upstreams are counted', async (t) => {
  const upstream = countingUpstream((socket, { request }) =>
    request === 1 ? socket.destroy() : socket.write(okay),
  )
  const { url } = await startGateway(t, { GUID_URL: await startRawUpstream(t, upstream.onConnection) })
  assert.equal((await ask(`${url}/guid`)).status, 200)
  const text = (await ask(`${url}/metrics`)).body.toString()
  const expected = [
    'quintet_gateway_upstream_requests_total{upstream="guid"} 1',
    'quintet_gateway_upstream_retries_total{upstream="guid"} 1',
    'quintet_gateway_upstream_faults_total{upstream="guid",fault="reset"} 1',
    'quintet_gateway_upstream_in_flight{upstream="guid"} 0',
    'quintet_gateway_circuit_state{upstream="guid",state="closed"} 1',
    'quintet_gateway_circuit_state{upstream="billing",state="open"} 0',
    'quintet_gateway_upstream_refusals_total{upstream="guid",reason="circuit_open"} 0',
    'quintet_gateway_upstream_faults_total{upstream="billing",fault="timeout"} 0',
  ]
  for (const line of expected) assert.ok(text.includes(`${line}\n`), line)
  const attempts = text.match(/(?<=^http_client_request_duration_seconds_count).*$/gm)
  assert.deepEqual(attempts?.map((labels) => labels.replace(/server_port="\d+"/, 'server_port=""')).sort(), [
    '{http_request_method="GET",server_address="127.0.0.1",server_port="",quintet_upstream="guid",error_type="reset"} 1',
    '{http_request_method="GET",server_address="127.0.0.1",server_port="",quintet_upstream="guid",http_response_status_code="200"} 1',
  ])
  assert.match(
    text,
    /http_server_request_duration_seconds_count\{http_request_method="GET",http_route="\/guid",http_response_status_code="200"/,
  )
})
