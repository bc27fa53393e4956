import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { createSampleApp } from './sample-app.ts'

const timeouts = { requestMs: 400, idleMs: 400, checkIntervalMs: 50 }
const post = 'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
const answered =
  'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'

test('A request has 10 s for its head and as a whole, an idle connection 72 s, as the server itself has it', async (t) => {
  const { server } = await start(t)
  assert.deepEqual(
    {
      head: server.headersTimeout,
      request: server.requestTimeout,
      idle: server.keepAliveTimeout,
      check: Reflect.get(server, 'connectionsCheckingInterval'),
    },
    { head: 10_000, request: 10_000, idle: 72_000, check: 500 },
  )
})

for (const [phase, bytes, drip] of [
  ['that sends nothing', '', ''],
  ['that sends half a line', 'POST /thi', ''],
  ['that drips a line', 'POST /', 'x'],
  ['that sends half a head', post, ''],
  ['that drips a head', `${post}x: `, 'x'],
  ['that withholds a body', `${post}content-length: 9\r\n\r\n`, ''],
  ['that withholds a chunked body', `${post}transfer-encoding: chunked\r\n\r\n`, ''],
  ['that drips a body', `${post}content-length: 999\r\n\r\n`, ' '],
  ['that drips chunks', `${post}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  ['that sends half a line after a response', `${answered}POST /th`, ''],
  ['that drips the body of a second request', `${answered}${post}content-length: 999\r\n\r\n`, ' '],
] as const)
  test(`A client ${phase} gets 408 when its time is over`, async (t) => {
    const { port } = await start(t, { timeouts })
    const { text, durationMs } = await exchange(port, bytes, drip)
    const isSecond = bytes.startsWith(answered)
    assert.equal(
      text.match(/HTTP\/1\.1 \d+/g)?.join(),
      isSecond ? 'HTTP/1.1 200,HTTP/1.1 408' : 'HTTP/1.1 408',
    )
    assert.ok(durationMs >= 300 && durationMs < 2_000, `${durationMs} ms`)
  })

test('A connection that is idle after a response is closed without another', async (t) => {
  const { port } = await start(t, { timeouts })
  const { text, durationMs } = await exchange(port, answered)
  assert.equal(text.match(/HTTP\/1\.1 \d+/g)?.join(), 'HTTP/1.1 200')
  // The server adds a second to the time that it has told the client.
  assert.ok(durationMs >= 1_300 && durationMs < 4_000, `${durationMs} ms`)
})

test('A client that does not read its response is cut off once nothing has moved for a time; one that reads slowly is not', async (t) => {
  // Longer than making such a response takes on a busy machine, during which nothing moves.
  const app = await createSampleApp(t, { timeouts: { stallMs: 1_500 } })
  const closed = new Map<string, Promise<unknown>>()
  app.get('/:name', async ({ params, raw }) => {
    closed.set(String(Object(params).name), once(raw.socket, 'close'))
    return { text: 'x'.repeat(20_000_000) }
  })
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  const open = (name: string) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' })
      .on('error', () => {})
      .pause()
    socket.write(`GET /${name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    return socket
  }
  const slow = open('slow')
  const stalled = open('stalled')
  t.after(() => stalled.destroy())
  let bytes = 0
  slow.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    slow.pause()
    setTimeout(() => slow.resume(), 5)
  })
  const slowIsOver = once(slow, 'close')
  slow.resume()
  await until(() => closed.size === 2)
  await closed.get('stalled')
  await slowIsOver
  assert.ok(bytes > 20_000_000, `${bytes} bytes`)
})

async function start(t: TestContext, options: Partial<AppOptions> = {}) {
  const app = await createSampleApp(t, options)
  app.post('/things', async (request) => request.body)
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  return { server: app.server, port: Number(port) }
}

/** Sends bytes, then drips more of them, until the server closes the connection. */
async function exchange(
  port: number,
  bytes: string,
  drip = '',
): Promise<{ text: string; durationMs: number }> {
  const startedAt = performance.now()
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write(bytes)
  const isOver = new AbortController()
  if (drip !== '') void dripInto(socket, drip, isOver.signal)
  let text = ''
  try {
    for await (const chunk of socket) text += chunk
  } finally {
    isOver.abort()
    socket.destroy()
  }
  return { text, durationMs: performance.now() - startedAt }
}

async function dripInto(socket: Socket, drip: string, isOver: AbortSignal): Promise<void> {
  while (!isOver.aborted) {
    socket.write(drip)
    await pause(20)
  }
}
