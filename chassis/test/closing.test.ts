import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { createSampleApp } from './sample-app.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`
const last = /^connection: close\r$/im

/** An app with a fast path, `/fast/1`, and a client's connections to it. */
async function start(t: TestContext, options: Partial<AppOptions> = {}) {
  const app = await createSampleApp(t, options)
  const held = Promise.withResolvers<void>()
  let begun = 0
  app.fastPaths.push({ route: '/fast/:id', prefix: '/fast/', find: () => ({ etag: '"1"', body: '{}' }) })
  app.post('/things', async () => ({ done: true }))
  app.get('/held', async () => {
    begun += 1
    await held.promise
    return { done: true }
  })
  app.get('/large', async (_request, reply) => reply.type('text/plain').send('x'.repeat(8_000_000)))
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  const open = async () => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' })
    await once(socket, 'connect')
    t.after(() => socket.destroy())
    return receive(socket)
  }
  return { app, open, release: held.resolve, begun: () => begun }
}

/** What a connection receives, and whether it has been ended by the server, and not reset. */
function receive(socket: Socket) {
  const seen = { text: '', isEnded: false, error: undefined as unknown }
  socket.on('data', (chunk) => (seen.text += chunk))
  socket.on('end', () => (seen.isEnded = true))
  socket.on('error', (error) => (seen.error = error))
  const send = async (bytes: string, responses: RegExp) => {
    socket.write(bytes)
    await until(() => responses.test(seen.text))
  }
  return { socket, seen, send }
}

test('Once closing has begun, the service is not ready, and serves every request with the last response of its connection', async (t) => {
  const { app, open } = await start(t)
  const before = await open()
  await before.send(get('/health/ready'), /^HTTP\/1\.1 200 /)
  assert.doesNotMatch(before.seen.text, last)
  app.beginClosing()
  for (const [request, status] of [
    [get('/fast/1'), 200],
    [get('/health/live'), 200],
    [get('/health/ready'), 503],
    [get('/nowhere'), 404],
    [get('/fast/%zz'), 200],
    [get('/%zz'), 400],
    ['NONSENSE\r\n\r\n', 400],
    [
      'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
      200,
    ],
  ] as const) {
    const { seen, send } = await open()
    await send(request, new RegExp(`^HTTP/1\\.1 ${status} `))
    assert.match(seen.text, last, request)
    await until(() => seen.isEnded)
  }
  const { send, seen } = await open()
  await send(get('/health/ready'), /"detail":"The service closes\."/)
  assert.match(seen.text, /^retry-after: 1\r$/m)
})

test('A connection that is idle when closing begins stays open, and its next request gets the last response', async (t) => {
  const { app, open } = await start(t)
  const { seen, send } = await open()
  await send(get('/fast/1'), /\{\}$/)
  app.beginClosing()
  await new Promise(setImmediate)
  assert.equal(seen.isEnded, false)
  seen.text = ''
  await send(get('/fast/1'), /\{\}$/)
  assert.match(seen.text, last)
  await until(() => seen.isEnded)
})

test('Closing answers what has arrived on idle connections, and ends the others without a reset', async (t) => {
  const { app, open } = await start(t)
  const connections = await Promise.all(Array.from({ length: 50 }, open))
  for (const { send } of connections) await send(get('/fast/1'), /\{\}$/)
  for (const { seen } of connections) seen.text = ''
  for (const { socket } of connections.slice(0, 25)) socket.write(get('/held'.replace('held', 'fast/1')))
  await app.close()
  await until(() => connections.every(({ seen }) => seen.isEnded))
  for (const [at, { seen }] of connections.entries()) {
    assert.equal(seen.error, undefined)
    assert.equal(/^HTTP\/1\.1 200 .*\{\}$/s.test(seen.text), at < 25, seen.text)
  }
})

test('A request whose connection was made just before the listener closes gets its response', async (t) => {
  const { app, open } = await start(t)
  const [early, late, never] = [await open(), await open(), await open()]
  early.socket.write(get('/fast/1'))
  const closed = app.close()
  await until(() => !app.server.listening)
  await late.send(get('/fast/1'), /\{\}$/)
  await closed
  for (const { seen } of [early, late]) assert.match(seen.text, /^HTTP\/1\.1 200 .*\{\}$/s)
  assert.equal(never.seen.text, '')
})

test('A request that has arrived in part when the listener closes gets its response once the rest arrives', async (t) => {
  const { app, open } = await start(t)
  const head =
    'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n'
  const [inHead, inBody] = [await open(), await open()]
  inHead.socket.write(head.slice(0, 40))
  inBody.socket.write(`${head}{`)
  await until(async () => (await connectionsOf(app)) === 2)
  const closed = app.close()
  await until(() => !app.server.listening)
  // Longer than idle connections may be.
  await new Promise((resolve) => setTimeout(resolve, 60))
  await inHead.send(`${head.slice(40)}{}`, /"done":true/)
  await inBody.send('}', /"done":true/)
  await closed
  for (const { seen } of [inHead, inBody]) assert.match(seen.text, last)
})

test('A request whose rest does not arrive gets 408 soon after the listener has closed, and holds nothing', async (t) => {
  const { app, open } = await start(t, { timeouts: { lastRequestMs: 100 } })
  const { seen, send } = await open()
  await send(get('/fast/1'), /\{\}$/)
  await send('GET /fast/1 HT', /\{\}$/)
  const startedAt = performance.now()
  await app.close()
  assert.ok(performance.now() - startedAt < 2_000)
  await until(() => / 408 /.test(seen.text))
})

test('A request in progress when the listener closes is answered, and a second one behind it is not begun', async (t) => {
  const { app, open, release, begun } = await start(t)
  const { seen, socket } = await open()
  socket.write(get('/held').repeat(2))
  await until(() => begun() === 1)
  const closed = app.close()
  await until(() => !app.server.listening)
  release()
  await closed
  await until(() => seen.isEnded)
  assert.equal(seen.text.match(/HTTP\/1\.1 200 /g)?.length, 1)
  assert.match(seen.text, last)
  assert.equal(begun(), 1)
})

test('A response that its client still reads when the server closes arrives whole', async (t) => {
  const { app, open } = await start(t)
  const { seen, socket } = await open()
  socket.write(get('/large'))
  await until(() => seen.text.length > 0)
  socket.pause()
  const closed = app.close()
  // Longer than connections may linger once the server closes.
  await new Promise((resolve) => setTimeout(resolve, 600))
  socket.resume()
  await closed
  await until(() => seen.isEnded)
  assert.ok(seen.text.endsWith('x'.repeat(8_000_000)))
})

function connectionsOf({ server }: Awaited<ReturnType<typeof start>>['app']): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}
