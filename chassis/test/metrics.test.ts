import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { listen } from '@quintet/chassis/http'
import { exportQueueMetrics } from '@quintet/chassis/queue'
import { Counter, createLogger, createMetrics, Gauge, openMetricsOf } from '@quintet/chassis/telemetry'
import { createRecording } from './recording.ts'
import { createSampleApp } from './sample-app.ts'
import { until } from '@quintet/chassis/testing'

const requests = /^http_server_request_duration_seconds_count.*$/gm

test('Requests without a matching route have no label for it, and all methods beyond the known ones are one', async (t) => {
  const app = await createSampleApp(t)
  app.get('/things', async () => [])
  for (const path of ['/things', '/nothing/1', '/nothing/2']) await app.inject(path)
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  for (const method of ['PROPFIND', 'MKCOL']) await fetch(`${address}/things`, { method })
  const socket = connect(Number(new URL(address).port), '127.0.0.1')
  socket.end('no request\r\n\r\n')
  await once(socket.resume(), 'close')
  assert.deepEqual((await app.inject('/metrics')).body.match(requests)?.sort(), [
    'http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404"} 2',
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/things",http_response_status_code="200"} 1',
    'http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="400"} 1',
    'http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="405"} 2',
  ])
})

test('Requests of probes and scrapers are not among the counted ones, and are logged at the level debug', async (t) => {
  const lines: Record<string, unknown>[] = []
  const destination = {
    write: (text: string) =>
      void lines.push(
        ...text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ),
  }
  const logger = createLogger({ service: 'test', level: 'debug', destination })
  const app = await createSampleApp(t, {
    logger,
    dependencies: { queue: () => Promise.reject(new Error('down')) },
  })
  app.get('/things', async () => [])
  for (const path of ['/health/live', '/health/ready', '/things']) await app.inject(path)
  assert.equal((await app.inject('/metrics')).body.match(requests)?.length, 1)
  logger.flush()
  const levels = lines.filter(({ msg }) => msg === 'request').map(({ level, route }) => [route, level])
  assert.deepEqual(levels, [
    ['/health/live', 'debug'],
    ['/health/ready', 'debug'],
    ['/things', 'info'],
    ['/metrics', 'debug'],
  ])
})

test('Requests in progress are counted by method at each scrape, without the scrape itself', async (t) => {
  const app = await createSampleApp(t)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  app.post('/slow', async () => {
    begin()
    await held
    return {}
  })
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  const active = async () => {
    const body = await (await fetch(`${address}/metrics`)).text()
    return body.match(/^http_server_active_requests\{.* [1-9]\d*$/gm)
  }
  const response = fetch(`${address}/slow`, { method: 'POST' })
  await begun
  assert.deepEqual(await active(), [
    'http_server_active_requests{http_request_method="POST",url_scheme="http"} 1',
  ])
  release()
  await response
  await until(async () => (await active()) === null)
})

test('Refusals that protect the process are counted by reason, which all begin at 0, and no others are', async (t) => {
  const app = await createSampleApp(t)
  app.get('/full', () => Promise.reject(new AppError('overloaded', 'Too many wait.')))
  app.get('/share', () => Promise.reject(new AppError('too_many_requests', 'Too many of this client wait.')))
  app.get('/down', () => Promise.reject(new AppError('dependency_down', 'It does not respond.')))
  for (const path of ['/full', '/full', '/share', '/down']) await app.inject(path)
  assert.deepEqual((await app.inject('/metrics')).body.match(/^quintet_shed_requests_total.*$/gm), [
    'quintet_shed_requests_total{reason="event_loop"} 0',
    'quintet_shed_requests_total{reason="limit"} 2',
    'quintet_shed_requests_total{reason="client_share"} 1',
  ])
})

test('Only one service of a process has the metrics of the process, among them no gauge that is named as a counter', async () => {
  const [ofProcess, ofService] = await Promise.all([
    createMetrics({ isOfProcess: true }).text(),
    createMetrics().text(),
  ])
  assert.match(ofProcess, /^nodejs_eventloop_utilization [01](\.\d+)?(e-\d+)?$/m)
  assert.match(ofProcess, /^process_cpu_seconds_total \d/m)
  assert.doesNotMatch(ofProcess, /^# TYPE \w+_total gauge/m)
  assert.doesNotMatch(ofService, /^(process|nodejs)_|build_info/m)
})

test('A value that is not known is absent', async () => {
  const { registry, text } = createMetrics()
  const depth = new Gauge({ name: 'depth', help: 'Depth.', labelNames: ['queue'], registers: [registry] })
  depth.set({ queue: 'a' }, Number.NaN)
  depth.set({ queue: 'nan' }, 2)
  assert.deepEqual((await text()).match(/^depth.*$/gm), ['depth{queue="nan"} 2'])
})

test('A client that prefers OpenMetrics gets it, and any other the text format of Prometheus', async (t) => {
  const app = await createSampleApp(t)
  const prometheus2 =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
  for (const accept of [prometheus2, prometheus3, 'application/openmetrics-text']) {
    const { headers, body } = await app.inject({ url: '/metrics', headers: { accept } })
    assert.equal(
      headers['content-type'],
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      accept,
    )
    assert.ok(body.endsWith('\n# EOF\n'))
  }
  const plain = [
    '*/*',
    'text/plain',
    'text/html,*/*;q=0.8',
    'application/openmetrics-text;q=0, text/plain',
    '',
  ]
  for (const accept of plain) {
    const { headers, body } = await app.inject({
      url: '/metrics',
      headers: { accept },
    })
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8', accept)
    assert.doesNotMatch(body, /# EOF/)
  }
})

test('OpenMetrics has counters without the suffix in their description, bounds with a fraction, and no empty line', async () => {
  const metrics = createMetrics()
  new Counter({ name: 'reads_total', help: 'Reads; "hit".', registers: [metrics.registry] }).inc(2)
  metrics.requestsOf('/x/:le="5"')('GET', 200, 700)
  const text = openMetricsOf(await metrics.text())
  assert.match(
    text,
    /^# HELP reads Reads; \\"hit\\"\.\n# TYPE reads counter\nreads_total 2\n# HELP http_server/m,
  )
  const label = String.raw`http_route="/x/:le=\"5\""`
  assert.ok(
    text.includes(`_bucket{le="1.0",http_request_method="GET",${label},http_response_status_code="200"} 1\n`),
  )
  assert.ok(
    text.includes(`_bucket{le="0.5",http_request_method="GET",${label},http_response_status_code="200"} 0\n`),
  )
  assert.doesNotMatch(text, /\n\n|le="\d+"[,}]/)
})

test('In OpenMetrics the bucket of a recorded request names its trace, and that of another or another format names none', async (t) => {
  const { telemetry } = createRecording({ perSecond: 0, slowMs: 60_000 })
  t.after(() => telemetry.close())
  const metrics = createMetrics()
  const app = await createSampleApp(t, { metrics, tracer: telemetry.tracer('sample', metrics) })
  app.get('/failing', async () => {
    throw new Error('It fails.')
  })
  app.get('/quick', async () => ({}))
  await app.inject('/quick')
  await app.inject({
    url: '/failing',
    headers: { traceparent: `00-${'4b'.repeat(16)}-${'f0'.repeat(8)}-01` },
  })
  const scrape = async (accept: string) => (await app.inject({ url: '/metrics', headers: { accept } })).body
  const named = (await scrape('application/openmetrics-text')).match(/^.* # .*$/gm) ?? []
  assert.equal(named.length, 1)
  assert.match(
    named[0] ?? '',
    /^http_server_request_duration_seconds_bucket\{le="[\d.]+",.*http_route="\/failing",.*\} 1 # \{trace_id="(4b){16}"\} [\d.]+ \d+(\.\d+)?$/,
  )
  assert.doesNotMatch(await scrape('text/plain'), /trace_id/)
})

test('While a queue does not respond, the metrics say so, and what it holds is absent', async () => {
  const { registry, text } = createMetrics()
  let isUp = true
  const unlessDown = async (value: number) => (isUp ? value : Promise.reject(new Error('down')))
  const queue = {
    depth: (name: string) => unlessDown(name === 'work.dead' ? 2 : 5),
    oldestAgeMs: () => unlessDown(1_500),
  }
  exportQueueMetrics(registry, queue, 'work')
  const samples = async () => (await text()).match(/^quintet_queue.*$/gm)
  const all = [
    'quintet_queue_messages{queue="work",state="live"} 5',
    'quintet_queue_messages{queue="work",state="dead"} 2',
    'quintet_queue_up{queue="work"} 1',
    'quintet_queue_oldest_message_age_seconds{queue="work"} 1.5',
  ]
  assert.deepEqual(await samples(), all)
  isUp = false
  assert.deepEqual(await samples(), ['quintet_queue_up{queue="work"} 0'])
  isUp = true
  assert.deepEqual(await samples(), all)
})
