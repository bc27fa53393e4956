import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createHttpClient } from '../src/http1/client.ts'
import type { ExchangeError } from '../src/http1/connection.ts'
import { createHttpConnection } from '../src/http1/connection.ts'
import { startRawUpstream } from './start-upstream.ts'

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = { method: 'GET', target: '/', head: '\r\n', body: undefined, isChunked: false }

/** A client of a service that responds with the number of the connection, from 1. */
async function createWorld(t: TestContext, onAnswered: (socket: Socket) => void = () => {}, answer = okay) {
  const sockets: Socket[] = []
  const url = await startRawUpstream(t, (socket) => {
    const number = String(sockets.push(socket)).slice(-2)
    socket.on('data', () => {
      socket.write(answer.replace('ok', number.padStart(2)))
      onAnswered(socket)
    })
  })
  const clock = createManualClock(1_000_000)
  const client = createHttpClient({ url: new URL(url), timeoutMs: 1_000, clock })
  t.after(client.close)
  const ask = (isFresh = false) =>
    new Promise<number>((resolve, reject) => {
      let body = ''
      // A connection is reused from the next turn on.
      const settle = (text: string) => setImmediate(() => setImmediate(resolve, Number(text)))
      const listener = {
        onHead: (_head: unknown, whole: string | undefined) => {
          if (whole !== undefined) settle(whole)
        },
        onBody: (chunk: Buffer) => {
          body += chunk.toString()
        },
        onEnd: () => settle(body),
        onFailure: reject,
      }
      client.send(get, listener, isFresh)
    })
  return { ask, client, clock, sockets }
}

/** Resolves once everything in flight on the loopback has arrived. */
function arrived(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30))
}

test('A connection is reused, unless a new one is required', async (t) => {
  const { ask } = await createWorld(t)
  assert.deepEqual([await ask(), await ask(), await ask(true), await ask()], [1, 1, 2, 2])
})

test('A connection is not reused in the turn in which its response was read, since more may have arrived', async (t) => {
  const { client } = await createWorld(t)
  let last: unknown
  for (let count = 0; count < 5; count += 1) {
    const [first, second] = await new Promise<unknown[]>((resolve, reject) => {
      const bodies: unknown[] = []
      const onHead = (_head: unknown, whole: string | undefined) => {
        if (bodies.push(whole) === 2) setImmediate(() => setImmediate(resolve, bodies))
        else process.nextTick(() => client.send(get, listener))
      }
      const listener = { onHead, onBody() {}, onEnd() {}, onFailure: reject }
      client.send(get, listener)
    })
    assert.notEqual(first, second)
    last = second
  }
  assert.equal(last, ' 2')
})

test('Concurrent requests use different connections', async (t) => {
  const { ask } = await createWorld(t)
  assert.deepEqual((await Promise.all([ask(), ask(), ask()])).toSorted(), [1, 2, 3])
})

test('A connection that was idle too long is closed instead of reused', async (t) => {
  const { ask, clock, sockets } = await createWorld(t)
  await Promise.all([ask(), ask()])
  clock.advance(4_000)
  assert.ok((await ask()) <= 2)
  clock.advance(4_001)
  assert.equal(await ask(), 3)
  await arrived()
  assert.deepEqual(
    sockets.map(({ readyState }) => readyState),
    ['closed', 'closed', 'open'],
  )
})

test('Of very many connections that become idle, 256 are kept', async (t) => {
  const { ask, sockets } = await createWorld(t)
  await Promise.all(Array.from({ length: 300 }, () => ask()))
  await arrived()
  assert.equal(sockets.filter(({ readyState }) => readyState === 'open').length, 256)
})

test('A connection that the service has closed is not reused', async (t) => {
  const { ask } = await createWorld(t, (socket) => socket.end())
  assert.equal(await ask(), 1)
  await arrived()
  assert.equal(await ask(), 2)
})

test('A connection is not reused after a response with close or of HTTP/1.0, even if it stays open', async (t) => {
  for (const answer of [okay.replace('\r\n', '\r\nConnection: close\r\n'), okay.replace('1.1', '1.0')]) {
    const { ask } = await createWorld(t, () => {}, answer)
    assert.deepEqual([await ask(), await ask()], [1, 2])
  }
})

test('A connection is not reused after a response that ends with it', async (t) => {
  const { ask } = await createWorld(t, (socket) => socket.end(), 'HTTP/1.1 200 OK\r\n\r\nok')
  for (let number = 1; number <= 20; number += 1) assert.equal(await ask(), number)
})

test('A connection is not reused for longer than the service says that it stays open', async (t) => {
  const { ask, clock } = await createWorld(t, () => {}, okay.replace('\r\n', '\r\nKeep-Alive: timeout=3\r\n'))
  assert.equal(await ask(), 1)
  clock.advance(2_000)
  assert.equal(await ask(), 1)
  clock.advance(2_001)
  assert.equal(await ask(), 2)
})

test('A connection is not reused if the clock was set back', async (t) => {
  const { ask, clock } = await createWorld(t)
  assert.equal(await ask(), 1)
  clock.advance(-1)
  assert.equal(await ask(), 2)
})

test('Bytes that arrive before a request was sent are never taken for its response', async (t) => {
  const { ask } = await createWorld(t, (socket) =>
    setTimeout(() => socket.write(okay.replace('ok', '66')), 5),
  )
  assert.equal(await ask(), 1)
  await arrived()
  assert.equal(await ask(), 2)
})

test('A connection that is being closed is not reused, even before it is closed', async (t) => {
  const { ask, client } = await createWorld(t)
  assert.equal(await ask(), 1)
  client.close()
  assert.equal(await ask(), 2)
})

test('Closing the client closes its connections', async (t) => {
  const { ask, client, sockets } = await createWorld(t)
  await Promise.all([ask(), ask()])
  client.close()
  await arrived()
  assert.ok(sockets.every(({ readyState }) => readyState === 'closed'))
})

async function createConnection(
  t: TestContext,
  onData: (socket: Socket, data: Buffer | string) => void,
  { timeoutMs } = { timeoutMs: 1_000 },
) {
  const url = new URL(
    await startRawUpstream(t, (socket) => socket.on('data', (data) => onData(socket, data))),
  )
  const freed: unknown[] = []
  const connection = createHttpConnection({
    hostField: 'Host: a\r\n',
    host: url.hostname,
    port: Number(url.port),
    connectTimeoutMs: 1_000,
    timeoutMs,
    stallTimeoutMs: 40,
    readBuffer: Buffer.alloc(1_024),
    onFree: (free) => freed.push(free),
    onClose() {},
  })
  t.after(connection.destroy)
  return { connection, freed }
}

test('A response that is left unread too long is aborted, as the fault of the client', async (t) => {
  const { connection, freed } = await createConnection(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
    socket.write(Buffer.alloc(50_000))
  })
  const failure = await new Promise<ExchangeError>((resolve) => {
    const listener = { onHead() {}, onBody: () => connection.pause(listener), onEnd() {}, onFailure: resolve }
    connection.send(get, listener)
  })
  assert.deepEqual([failure.fault, freed.length], ['stalled', 0])
})

test('A pause at the end of a response does not delay the next response', async (t) => {
  const { connection, freed } = await createConnection(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
  )
  const exchange = () =>
    new Promise<void>((resolve, reject) => {
      const listener = {
        onHead() {},
        onBody: () => connection.pause(listener),
        onEnd: resolve,
        onFailure: reject,
      }
      connection.send(get, listener)
    })
  for (let count = 0; count < 3; count += 1) await exchange()
  assert.equal(freed.length, 3)
})

test('Only the listener of the current exchange can pause or abort it', async (t) => {
  const { connection } = await createConnection(t, (socket) => {
    socket.write(okay.slice(0, -2))
    setTimeout(() => socket.write('ok'), 10)
  })
  const former = { onHead() {}, onBody() {}, onEnd() {}, onFailure() {} }
  await new Promise<void>((resolve, reject) => {
    const onHead = () => {
      connection.pause(former)
      connection.abort(former)
    }
    connection.send(get, { onHead, onBody() {}, onEnd: resolve, onFailure: reject })
  })
})

test('The timeout of a service begins with the request, however long the connection was idle', async (t) => {
  const { connection } = await createConnection(t, (socket) => setTimeout(() => socket.write(okay), 600), {
    timeoutMs: 1_000,
  })
  const exchange = () =>
    new Promise((resolve, reject) =>
      connection.send(get, { onHead: resolve, onBody() {}, onEnd() {}, onFailure: reject }),
    )
  await exchange()
  await new Promise((resolve) => setTimeout(resolve, 600))
  await exchange()
})

test('A connection is not reused while a part of the request has not been sent', async (t) => {
  const { connection, freed } = await createConnection(t, (socket) => {
    if (socket.isPaused()) return
    socket.pause()
    socket.write(okay)
  })
  const head = 'Content-Length: 50000000\r\n\r\n'
  const body = Readable.from([Buffer.alloc(50_000_000)])
  await new Promise<void>((resolve, reject) => {
    const onHead = () => resolve()
    const listener = { onHead, onBody() {}, onEnd() {}, onFailure: reject }
    connection.send({ method: 'POST', target: '/', head, body, isChunked: false }, listener)
  })
  assert.equal(freed.length, 0)
})

test('A part of a body without bytes does not end the body', async (t) => {
  let received = ''
  const { connection } = await createConnection(t, (socket, data) => {
    received += String(data)
    if (received.endsWith('\r\n0\r\n\r\n')) socket.write(okay)
  })
  const head = 'Transfer-Encoding: chunked\r\n\r\n'
  const body = new PassThrough({ objectMode: true })
  for (const part of ['one', '', 'two']) body.write(Buffer.from(part))
  body.end()
  await new Promise<void>((resolve, reject) => {
    const listener = { onHead: () => resolve(), onBody() {}, onEnd() {}, onFailure: reject }
    connection.send({ method: 'POST', target: '/', head, body, isChunked: true }, listener)
  })
  assert.equal(received, `POST / HTTP/1.1\r\nHost: a\r\n${head}3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n`)
})

test('An error of the listener is not reported as a malformed response', async (t) => {
  const { connection, freed } = await createConnection(t, (socket) => socket.write(okay))
  const cause = new Error('broken')
  const failure = await new Promise<ExchangeError>((resolve) => {
    const onHead = () => {
      throw cause
    }
    connection.send(get, { onHead, onBody() {}, onEnd() {}, onFailure: resolve })
  })
  assert.deepEqual([failure.fault, failure.cause, freed.length], ['internal', cause, 0])
})
