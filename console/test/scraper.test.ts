import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openQueue, PoisonMessage } from '@quintet/chassis/queue'
import { createMetrics } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { begin, createScraping, listenAs } from './scraping-world.ts'

const good = 'http_server_active_requests 1\n'

/** A server that responds to scrapes as it is made to; gives the URL of its metrics, and how many requests it has had. */
async function serve(t: TestContext, respond: RequestListener) {
  const server = createServer((request, response) => {
    served.requests += 1
    respond(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const served = { requests: 0, url: `http://127.0.0.1:${port}/metrics` }
  return served
}

function sendMetrics(text: string): RequestListener {
  return (_request, response) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(text)
}

test('What a service has done in the last minute is known by two scrapes, and forgotten when it is not scraped', async (t) => {
  const { app, url } = await listenAs(t, 'guid')
  const { figures, scrapeNext, clock } = createScraping(t, { urls: { guid: url } })
  assert.equal(figures.measuredOf('guid'), undefined)
  await app.inject('/good')
  await scrapeNext()
  const nothing = { requestsPerSecond: null, errorShare: null, p95Ms: null }
  assert.deepEqual(figures.of('requests', 'guid'), nothing)
  await scrapeNext()
  assert.deepEqual(figures.of('requests', 'guid'), { ...nothing, requestsPerSecond: 0 })
  for (const path of ['/good', '/good', '/good', '/bad']) await app.inject(path)
  await scrapeNext()
  const measured = figures.measuredOf('guid')?.figures
  assert.equal(measured?.requestsPerSecond, 0.2)
  assert.equal(measured?.errorShare, 0.25)
  assert.ok(measured.p95Ms !== null && measured.p95Ms > 0)
  clock.advance(60_000)
  assert.equal(figures.measuredOf('guid'), undefined)
})

test('The rates of a queue are those of its messages: 0 for one that is consumed, and not known for any other', async (t) => {
  const metrics = createMetrics()
  const measured = { metrics, publishesTo: ['billing_queue', 'events'] }
  const queue = await openQueue('sqlite::memory:', { queues: ['billing_queue'], measured })
  t.after(() => queue.close())
  const { url } = await listenAs(t, 'billing', metrics)
  const { figures, scrapeNext } = createScraping(t, { urls: { billing: url } })
  let handled = 0
  queue.consume('billing_queue', async ({ id }) => {
    handled += 1
    if (id === 'poison') throw new PoisonMessage('It is no order.')
  })
  for (let i = 0; i < 2; i += 1) await scrapeNext()
  assert.deepEqual(figures.ofQueue('billing_queue'), { published: 0, done: 0, failed: 0 })
  assert.deepEqual(figures.ofQueue('events'), { published: 0, done: null, failed: null })
  assert.deepEqual(figures.ofQueue('none'), { published: null, done: null, failed: null })
  for (const id of ['one', 'two', 'poison']) await queue.publish('billing_queue', { id, key: '', body: '{}' })
  await until(() => handled === 3)
  await scrapeNext()
  assert.deepEqual(figures.ofQueue('billing_queue'), { published: 0.15, done: 0.1, failed: 0.05 })
  assert.deepEqual(figures.publishedBy('billing'), ['billing_queue', 'events'])
  assert.equal(figures.of('handled', 'billing billing_queue').errorShare, 1 / 3)
})

test('The version, the memory and the start of a process are known where it exports them', async (t) => {
  const { url } = await listenAs(t, 'guid', createMetrics({ isOfProcess: true }))
  const { figures, scrapeNext } = createScraping(t, { urls: { guid: url } })
  await scrapeNext()
  const measured = figures.measuredOf('guid')
  assert.match(measured?.version ?? '', /^\d+\.\d+\.\d+/)
  assert.ok(Number(measured?.process.memoryBytes) > 10_000_000)
  assert.ok(Math.abs(Number(measured?.process.startedAt) - performance.timeOrigin) < 5_000)
})

test('One that does not respond delays none of the others, and is not asked again before its time is over', async (t) => {
  const hung = await serve(t, () => {})
  const { url } = await listenAs(t, 'billing')
  const urls = { guid: hung.url, billing: url }
  const { scraper, figures, clock, events } = createScraping(t, { urls, timeoutMs: 700 })
  const first = scraper.scrape(begin)
  clock.advance(10_000)
  await scraper.scrape(clock.now())
  assert.equal(hung.requests, 1)
  assert.ok(figures.measuredOf('billing'))
  assert.equal(figures.measuredOf('guid'), undefined)
  assert.equal(events.length, 0)
  await first
  assert.equal(events.length, 1)
  assert.match(
    events[0]?.text ?? '',
    /^guid is up, but its metrics cannot be read: There is no response within 700 ms\.$/,
  )
})

test('That metrics cannot be read is one event, and one that they can again, unless the whole service is away', async (t) => {
  let text = '<broken>'
  const served = await serve(t, (request, response) => sendMetrics(text)(request, response))
  let state: 'up' | 'unreachable' = 'unreachable'
  const { scrapeNext, events } = createScraping(t, { urls: { guid: served.url }, state: () => state })
  await scrapeNext()
  assert.equal(events.length, 0)
  state = 'up'
  for (let i = 0; i < 3; i += 1) await scrapeNext()
  text = good
  for (let i = 0; i < 3; i += 1) await scrapeNext()
  assert.deepEqual(
    events.map(({ kind, service, text }) => ({ kind, service, text })),
    [
      {
        ...{ kind: 'unreachable', service: 'guid' },
        text: 'guid is up, but its metrics cannot be read: Line 1 is not in the text format of metrics.',
      },
      { kind: 'start', service: 'guid', text: 'The metrics of guid are read again.' },
    ],
  )
})

test('What is no text of metrics, too long, elsewhere or refused is a fault in words', async (t) => {
  const faults: readonly [RequestListener, RegExp][] = [
    [
      (_, response) => response.setHeader('content-type', 'text/html').end('<html>'),
      /There are no metrics at http/,
    ],
    [sendMetrics(good.repeat(1_000)), /There are more than 10000 bytes of metrics\./],
    [(_, response) => response.writeHead(302, { location: '/' }).end(), /responds with 302\./],
    [(_, response) => response.writeHead(401).end(), /scope quintet:observe/],
    [(_, response) => response.writeHead(500).end(), /responds with 500\./],
    [(_, response) => response.destroy(), /other side closed|socket hang up|ECONNRESET/],
  ]
  for (const [respond, sentence] of faults) {
    const served = await serve(t, respond)
    const { scrapeNext, events } = createScraping(t, { urls: { guid: served.url }, bytesMax: 10_000 })
    await scrapeNext()
    assert.match(events[0]?.text ?? '', sentence)
  }
  const { scrapeNext, events } = createScraping(t, { urls: { guid: 'http://127.0.0.1:9/metrics' } })
  await scrapeNext()
  assert.match(events[0]?.text ?? '', /cannot be read: \S+/)
})

test('A service that is stopped is not scraped', async (t) => {
  const served = await serve(t, sendMetrics(good))
  let state: 'up' | 'stopped' = 'stopped'
  const { scrapeNext } = createScraping(t, { urls: { guid: served.url }, state: () => state })
  await scrapeNext()
  assert.equal(served.requests, 0)
  state = 'up'
  await scrapeNext()
  assert.equal(served.requests, 1)
})

test('The metrics of a service in this process need no request', async (t) => {
  const served = await serve(t, sendMetrics(good))
  const { scrapeNext, figures } = createScraping(t, {
    urls: { guid: served.url },
    metricsText: async () => good,
  })
  await scrapeNext()
  assert.equal(served.requests, 0)
  assert.ok(figures.measuredOf('guid'))
})

test('A history that cannot be kept ends no scrape', async (t) => {
  const { url } = await listenAs(t, 'guid')
  const { file, scrapeNext, figures } = createScraping(t, { urls: { guid: url } })
  file.addSamples = () => {
    throw new Error('The disk is full.')
  }
  await scrapeNext()
  assert.ok(figures.measuredOf('guid'))
})
