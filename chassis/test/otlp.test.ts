import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SpanData } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { startCollector } from '@quintet/chassis/testing/collector'
import { createOtlpExporter, encodeSpans, parseOtlpHeaders } from '../src/telemetry/otlp.ts'

const span: SpanData = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentId: 'a1f067aa0ba902b7',
  service: 'guid',
  name: 'GET /guid/:guid',
  kind: 'server',
  startMs: 1_796_040_000_123.5,
  durationMs: 12.5,
  error: '500',
  attributes: {
    'http.route': '/guid/:guid',
    'http.response.status_code': 500,
    'quintet.unrecorded': true,
  },
  links: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16) }],
}
const { parentId, ...others } = span
const root: SpanData = { ...others, parentId: '', error: '', service: 'gateway', attributes: {}, links: [] }

/** An exporter whose pauses end at once, and are noted. */
function exporter(url: string) {
  const pauses: number[] = []
  const lost: [number, string][] = []
  const made = createOtlpExporter({
    url,
    headers: { authorization: 'Bearer token' },
    version: '1.2.3',
    lost: (count, cause) => lost.push([count, String(cause)]),
    pause: async (ms) => void pauses.push(ms),
    now: () => Date.parse('Mon, 30 Nov 2026 12:00:00 GMT'),
  })
  return { ...made, pauses, lost }
}

test('Spans are encoded as the JSON mapping of OTLP has them: ids in hex, 64-bit numbers as text, kinds as numbers', () => {
  const { resourceSpans } = JSON.parse(encodeSpans([span, root], '1.2.3'))
  const [guid, gateway] = resourceSpans
  assert.deepEqual(guid.resource.attributes.slice(0, 3), [
    { key: 'service.name', value: { stringValue: 'guid' } },
    { key: 'service.namespace', value: { stringValue: 'quintet' } },
    { key: 'service.version', value: { stringValue: '1.2.3' } },
  ])
  assert.deepEqual(guid.scopeSpans, [
    {
      scope: { name: 'quintet', version: '1.2.3' },
      spans: [
        {
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: parentId,
          name: 'GET /guid/:guid',
          kind: 2,
          startTimeUnixNano: '1796040000123500000',
          endTimeUnixNano: '1796040000136000000',
          attributes: [
            { key: 'http.route', value: { stringValue: '/guid/:guid' } },
            { key: 'http.response.status_code', value: { intValue: '500' } },
            { key: 'quintet.unrecorded', value: { boolValue: true } },
            { key: 'error.type', value: { stringValue: '500' } },
          ],
          links: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16), attributes: [] }],
          status: { code: 2 },
        },
      ],
    },
  ])
  const [encoded] = gateway.scopeSpans[0].spans
  assert.equal('parentSpanId' in encoded || 'links' in encoded, false)
  assert.deepEqual(encoded.status, {})
})

test('Spans are posted below the path of the collector, with its headers, and compressed where they are many', async (t) => {
  const collector = await startCollector(t)
  const { send, close, lost } = exporter(`${collector.url}/tenant/`)
  send([root])
  await close()
  const many = exporter(`${collector.url}/tenant/`)
  many.send(Array.from({ length: 600 }, () => span))
  await many.close()
  assert.deepEqual(
    collector.received.map(({ path, headers }) => [
      path,
      headers['content-type'],
      headers['content-encoding'],
      headers.authorization,
    ]),
    [undefined, 'gzip', 'gzip'].map((coding) => [
      '/tenant/v1/traces',
      'application/json',
      coding,
      'Bearer token',
    ]),
  )
  assert.equal(collector.spans().length, 601)
  assert.deepEqual([lost, many.lost], [[], []])
})

test('429, 502, 503 and 504 are repeated after Retry-After or a longer pause each time; other failures lose the spans', async (t) => {
  const responses: [number, string?][] = [
    [429, '7'],
    [503, 'Mon, 30 Nov 2026 12:00:05 GMT'],
    [502],
    [504],
    [200],
    [400],
  ]
  const collector = await startCollector(t, (response, count) => {
    const [status, after] = responses[count - 1] ?? [200]
    if (after !== undefined) response.setHeader('retry-after', after)
    response.writeHead(status).end('{}')
  })
  const { send, pauses, lost } = exporter(collector.url)
  send([root])
  await until(() => collector.received.length === 5)
  assert.deepEqual(pauses.slice(0, 2), [7_000, 5_000])
  assert.equal(pauses.length, 4)
  assert.ok(pauses.slice(2).every((ms) => ms > 100 && ms <= 30_000))
  assert.deepEqual(lost, [])
  send([root, root])
  await until(() => lost.length > 0)
  assert.deepEqual(lost, [[2, 'Error: The collector responded with 400.']])
})

test('What a collector rejects in part is lost, and so is what it does not take after six attempts', async (t) => {
  const partial = '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}'
  const rejecting = await startCollector(t, (response) => response.end(partial))
  const part = exporter(rejecting.url)
  part.send(Array.from({ length: 5 }, () => root))
  await part.close()
  assert.deepEqual(part.lost, [[3, 'Error: The collector has rejected spans: too old']])
  const busy = await startCollector(t, (response) => response.writeHead(503).end())
  const { send, lost } = exporter(busy.url)
  send([root])
  await until(() => lost.length > 0)
  assert.deepEqual(lost, [[1, 'Error: The collector responded with 503.']])
  assert.equal(busy.received.length, 6)
  const closed = exporter('http://127.0.0.1:1')
  closed.send([root])
  await closed.close()
  assert.equal(closed.lost[0]?.[0], 1)
})

test('Headers are read as OTEL_EXPORTER_OTLP_HEADERS is', () => {
  assert.deepEqual(parseOtlpHeaders(''), {})
  assert.deepEqual(parseOtlpHeaders('authorization=Bearer%20a%3Db, x-tenant=1'), {
    authorization: 'Bearer a=b',
    'x-tenant': '1',
  })
})

test('A collector that checks each member against the protocol takes every kind of span, attribute and link', async (t) => {
  const collector = await startCollector(t)
  const { send, close, lost } = exporter(collector.url)
  const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const
  send([
    ...kinds.map((kind) => ({ ...span, kind })),
    root,
    { ...span, attributes: { 'quintet.attempt': 1.5 } },
  ])
  await close()
  assert.deepEqual(lost, [])
  assert.equal(collector.spans().length, 7)
  send([{ ...span, traceId: 'no hex' }])
  await close()
  assert.equal(lost.length, 1, 'and nothing else')
})
