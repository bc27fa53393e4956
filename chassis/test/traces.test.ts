import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { beginStream, listen } from '@quintet/chassis/http'
import { openQueue } from '@quintet/chassis/queue'
import { attributeNames, createMetrics } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createSampleApp } from './sample-app.ts'
import { createRecording } from './recording.ts'

const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']

/** An app with a route for each thing that can happen, and the spans that it has recorded. */
async function world(t: TestContext, settings: Parameters<typeof createRecording>[0] = {}) {
  const recording = createRecording(settings)
  const metrics = createMetrics()
  const app = await createSampleApp(t, { metrics, tracer: recording.telemetry.tracer('sample', metrics) })
  const cache = await openCache('memory:', { clock: createManualClock(0) })
  app.get('/cached/:id', async () => {
    await pause(1)
    const load = () => ({ version: 1, expiresAtMs: Number.POSITIVE_INFINITY, text: '{}' })
    return (await cache.read('secret-key', load))?.text
  })
  app.post('/cached', async (request) => {
    await cache.write(
      ['secret-key'],
      async () => 1,
      () => null,
    )
    return { body: request.body }
  })
  app.get('/fails', async () => {
    throw new Error('a secret of the inside')
  })
  app.get('/refused', async () => {
    throw new AppError('conflict', 'It is taken.')
  })
  app.get('/slow', async () => {
    await pause(30)
    return {}
  })
  app.get('/events', async (_request, reply) => {
    beginStream(reply.raw, { clock: systemClock, end: () => {} })
    await pause(30)
    return reply.send({})
  })
  app.fastPaths.push({
    route: '/fast/:id',
    prefix: '/fast/',
    find: async () => {
      const text = (await cache.read('fast', () => undefined))?.text ?? '{}'
      return { etag: '"1"', body: text }
    },
  })
  t.after(() => recording.telemetry.close())
  return { app, ...recording }
}

test('A recorded request is a span with its route, its status and its path, and what it does is spans within it', async (t) => {
  const { app, spans, parts } = await world(t)
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  await app.inject('/cached/7?token=secret')
  await app.inject({ method: 'POST', url: '/cached', payload: { title: 'secret' } })
  await (await fetch(`${url}/fast/7`)).text()
  await app.inject('/nothing')
  assert.deepEqual(
    parts.map((part) =>
      part.spans.map(({ name, kind, parentId }) => [
        name,
        kind,
        part.spans.findIndex((other) => other.spanId === parentId),
      ]),
    ),
    [
      [
        ['GET /cached/:id', 'server', -1],
        ['cache read', 'internal', 0],
      ],
      [
        ['POST /cached', 'server', -1],
        ['cache write', 'internal', 0],
      ],
      [
        ['GET /fast/:id', 'server', -1],
        ['cache read', 'internal', 0],
      ],
      [['GET', 'server', -1]],
    ],
  )
  const [first, read] = spans()
  assert.deepEqual(first?.attributes, {
    'http.request.method': 'GET',
    'url.path': '/cached/7',
    'quintet.request_id': parts[0]?.requestId,
    'http.route': '/cached/:id',
    'http.response.status_code': 200,
  })
  assert.deepEqual(read?.attributes, { 'db.system.name': 'memory', 'quintet.cache.result': 'miss' })
  assert.doesNotMatch(JSON.stringify(parts), /secret|token/)
  for (const span of spans())
    for (const name of Object.keys(span.attributes))
      assert.ok((attributeNames as readonly string[]).includes(name))
})

test('A span of a client is continued, if it records its trace; where it does not, nothing is recorded', async (t) => {
  const { app, spans } = await world(t)
  await app.inject({ url: '/cached/1', headers: { traceparent: `00-${traceId}-${spanId}-01` } })
  assert.deepEqual([spans()[0]?.traceId, spans()[0]?.parentId], [traceId, spanId])
  const count = spans().length
  await app.inject({ url: '/cached/1', headers: { traceparent: `00-${traceId}-${spanId}-00` } })
  assert.equal(spans().length, count)
})

test('A route begins so many traces a second, the process five times as many, and a wish has twice these shares', async (t) => {
  const { app, clock, roots } = await world(t, { perSecond: 2 })
  const many = async (url: string, headers = {}) => {
    const before = roots().length
    await Promise.all(Array.from({ length: 30 }, () => app.inject({ url, headers })))
    return roots().length - before
  }
  const wish = { traceparent: `00-${traceId}-${spanId}-01` }
  assert.equal(await many('/cached/1'), 2)
  assert.equal(await many('/cached/2', wish), 2, 'a wish has twice the share, of which half is taken')
  clock.advance(1_000)
  assert.equal(await many('/cached/2', wish), 4)
  clock.advance(1_000)
  const routes = ['/cached/1', '/slow', '/refused', '/nothing', '/events', '/docs/']
  const counts = []
  for (const route of routes) counts.push(await many(route))
  assert.deepEqual(counts, [2, 2, 2, 2, 2, 0])
})

test('A failure and a slow request are kept although they were not recorded, and their route has five times its share for ten seconds', async (t) => {
  const { app, roots } = await world(t, { perSecond: 0, slowMs: 20 })
  await app.inject('/fails')
  await app.inject('/slow')
  await app.inject('/refused')
  await app.inject('/events')
  await app.inject('/cached/1')
  assert.deepEqual(
    roots().map(({ name, error, durationMs, attributes }) => [
      ...[name, error, durationMs >= 20],
      ...[attributes['quintet.kept'], attributes['quintet.unrecorded']],
    ]),
    [
      ['GET /fails', '500', false, 'error', true],
      ['GET /slow', '', true, 'slow', true],
    ],
  )
  const attentive = await world(t, { perSecond: 1 })
  const failed = async () => {
    const before = attentive
      .spans()
      .filter(({ attributes }) => attributes['quintet.unrecorded'] === undefined)
    for (let i = 0; i < 8; i += 1) await attentive.app.inject('/fails')
    const after = attentive.spans().filter(({ attributes }) => attributes['quintet.unrecorded'] === undefined)
    return after.length - before.length
  }
  assert.equal(await failed(), 5, 'the first failure raises the share within its second')
  attentive.clock.advance(9_000)
  assert.equal(await failed(), 5)
  attentive.clock.advance(10_001)
  assert.equal(await failed(), 5)
})

test('At most a hundred unrecorded requests a second are kept, and the others are counted', async (t) => {
  const { app, roots, lost } = await world(t, { perSecond: 0 })
  for (let i = 0; i < 120; i += 1) await app.inject('/fails')
  assert.equal(roots().length, 100)
  assert.equal(await lost('ring'), 20)
})

test('Probes, scrapes and requests that a client has aborted leave no trace where they are not recorded', async (t) => {
  const { app, roots } = await world(t)
  for (const url of ['/health/live', '/health/ready', '/metrics']) await app.inject(url)
  assert.deepEqual(roots(), [])
})

test('What a recorded request publishes continues its trace, and what handles it has a trace of its own with a link', async (t) => {
  const { app, telemetry, spans, parts } = await world(t)
  const tracer = telemetry.tracer('consumer', createMetrics())
  const queue = await openQueue('sqlite::memory:', { tracer })
  t.after(() => queue.close())
  app.post('/orders', async () => {
    await queue.publish('orders', { id: 'm1', key: '', body: 'a secret' })
    return {}
  })
  await app.inject({ method: 'POST', url: '/orders' })
  const sent = spans().find(({ name }) => name === 'send orders')
  assert.equal(sent?.kind, 'producer')
  const [message] = await queue.list('orders')
  assert.equal(message?.headers?.traceparent, `00-${sent?.traceId}-${sent?.spanId}-01`)
  let attempts = 0
  queue.consume(
    'orders',
    async () => {
      attempts += 1
      if (attempts === 1) throw new TypeError('a secret')
    },
    { backoffMs: () => 0 },
  )
  const handled = () => spans().filter(({ kind }) => kind === 'consumer')
  await until(() => handled().length === 2)
  assert.deepEqual(
    handled().map(({ name, error, attributes, links }) => [
      name,
      error,
      attributes['quintet.attempt'],
      links,
    ]),
    [
      ['process orders', 'TypeError', 1, [{ traceId: sent?.traceId, spanId: sent?.spanId }]],
      ['process orders', '', 2, [{ traceId: sent?.traceId, spanId: sent?.spanId }]],
    ],
  )
  assert.notEqual(handled()[0]?.traceId, sent?.traceId)
  assert.doesNotMatch(JSON.stringify(parts), /secret/)
})

test('A trace has a bound of spans, says how many it has lost, and does not wait for its end with those that have ended', async (t) => {
  const { app, clock, spans, roots, lost, give } = await world(t)
  const cache = await openCache('memory:', { clock })
  app.get('/many', async () => {
    for (let i = 0; i < 600; i += 1) await cache.read('1', () => undefined)
    return {}
  })
  const release = Promise.withResolvers<void>()
  app.get('/long', async () => {
    await cache.read('1', () => undefined)
    await release.promise
    return {}
  })
  await app.inject('/many')
  assert.equal(spans().length, 512)
  assert.equal(roots()[0]?.attributes['quintet.spans_lost'], 89)
  assert.equal(await lost('ring'), 89)
  const response = app.inject('/long')
  await pause(20)
  clock.advance(5_001)
  give()
  assert.equal(spans().length, 513, 'the read is over')
  release.resolve()
  await response
  assert.equal(roots().at(-1)?.name, 'GET /long')
})
