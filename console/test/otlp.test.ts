import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { hex, partOf, readingWorld } from './reading-world.ts'

const nano = (ms: number) => `${ms}000000`
const at = Date.now() - 5_000
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })

function spanOf(more: object = {}) {
  return {
    ...{ traceId: hex(7, 32), spanId: hex(1, 16), name: 'GET /things', kind: 2 },
    ...{ startTimeUnixNano: nano(at), endTimeUnixNano: nano(at + 20) },
    attributes: [attribute('quintet.request_id', 'r7'), attribute('http.request.header.cookie', 'secret')],
    ...more,
  }
}

const requestOf = (spans: unknown, service = 'elsewhere') => ({
  resourceSpans: [
    { resource: { attributes: [attribute('service.name', service)] }, scopeSpans: [{ spans }] },
  ],
})

async function world(t: Parameters<typeof readingWorld>[0]) {
  const { app, ...rest } = await readingWorld(t)
  const post = async (
    path: string,
    payload: string | Buffer | object,
    headers: Record<string, string> = {},
  ) => {
    const sent = { 'content-type': 'application/json', ...headers }
    const response = await app.inject({ method: 'POST', url: path, payload, headers: sent })
    return { status: response.statusCode, body: response.json() }
  }
  return { ...rest, app, post }
}

test('Spans and lines of services elsewhere are kept, without attributes that are not those of our own', async (t) => {
  const { get, post } = await world(t)
  const sent = await post(
    '/v1/traces',
    requestOf([spanOf(), spanOf({ spanId: hex(2, 16), status: { code: 2 } })]),
  )
  assert.deepEqual(sent, { status: 200, body: {} })
  const { body } = await get(`/api/traces/${hex(7, 32)}`)
  assert.deepEqual([body.service, body.requestId, body.why, body.spans], ['elsewhere', 'r7', 'error', 2])
  assert.deepEqual(body.data[0].attributes, { 'quintet.request_id': 'r7' })
  assert.deepEqual([body.data[0].kind, body.data[1].error], ['server', '_OTHER'])
  const record = {
    ...{ timeUnixNano: nano(at), severityNumber: 17, traceId: hex(7, 32) },
    body: { stringValue: 'no connection to postgres://app:hunter2@db/x' },
    attributes: [attribute('password', 'hunter2')],
  }
  const resource = { attributes: [attribute('service.name', 'elsewhere')] }
  assert.equal(
    (await post('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] })).status,
    200,
  )
  const logs = await get(`/api/logs?trace=${hex(7, 32)}&level=error`)
  assert.equal(logs.body.data.length, 1)
  assert.match(logs.body.data[0].message, /^no connection to postgres:/)
  assert.ok(!logs.text.includes('hunter2'))
})

test('What the exporter of the chassis sends is kept as it was', async (t) => {
  const { file, get, post } = await world(t)
  const part = partOf(
    3,
    { startMs: at, error: '500', service: 'guid', attributes: { 'quintet.attempt': 2 } },
    'error',
  )
  file.write([part], [])
  const otlp = await get(`/api/traces/${hex(3, 32)}?format=otlp`)
  const other = await world(t)
  assert.equal(
    (await other.post('/v1/traces', gzipSync(otlp.text), { 'content-encoding': 'gzip' })).status,
    200,
  )
  assert.deepEqual(
    (await other.get(`/api/traces/${hex(3, 32)}`)).body.data,
    (await get(`/api/traces/${hex(3, 32)}`)).body.data,
  )
  assert.deepEqual(await post('/v1/traces', {}), { status: 200, body: {} })
})

test('What has no valid form is rejected one by one, and the rest is kept', async (t) => {
  const { get, post } = await world(t)
  const invalid = [
    null,
    7,
    'span',
    [],
    {},
    spanOf({ traceId: 'xyz' }),
    spanOf({ traceId: '0'.repeat(32) }),
    spanOf({ spanId: hex(1, 32) }),
    spanOf({ startTimeUnixNano: '-1' }),
    spanOf({ startTimeUnixNano: nano(Date.now() + 86_400_000) }),
    spanOf({ endTimeUnixNano: {} }),
  ]
  const { status, body } = await post('/v1/traces', requestOf([...invalid, spanOf()]))
  assert.equal(status, 200)
  assert.equal(body.partialSuccess.rejectedSpans, String(invalid.length))
  assert.equal((await get('/api/traces')).body.data.length, 1)
  for (const odd of [
    { resourceSpans: 7 },
    { resourceSpans: [{ scopeSpans: {} }] },
    { resourceSpans: [null] },
  ])
    assert.deepEqual(await post('/v1/traces', odd), { status: 200, body: {} })
})

test('Names, values and links that have no end are cut, and members such as __proto__ are none', async (t) => {
  const { get, post } = await world(t)
  const long = 'x'.repeat(100_000)
  const links = Array.from({ length: 1_000 }, (_, i) => ({ traceId: hex(i + 1, 32), spanId: hex(1, 16) }))
  const attributes = [attribute('url.path', long), attribute('__proto__', 'x'), attribute('error.type', long)]
  const text = JSON.stringify(
    requestOf([spanOf({ name: long, links, attributes, status: { code: 2 } })], long),
  )
  assert.equal(
    (await post('/v1/traces', text.replace('"kind":2', '"kind":2,"__proto__":{"polluted":1}'))).status,
    200,
  )
  const { body } = await get(`/api/traces/${hex(7, 32)}`)
  const [span] = body.data
  assert.deepEqual(
    [span.service, span.name.length, span.error.length, span.links.length],
    ['unknown', 256, 1_024, 128],
  )
  assert.deepEqual(Object.keys(span.attributes), ['url.path'])
  assert.equal(span.attributes['url.path'].length, 1_024)
  assert.equal(Reflect.get({}, 'polluted'), undefined)
})

test('Bodies that are no OTLP in JSON are refused with a sentence', async (t) => {
  const { post } = await world(t)
  const protobuf = await post('/v1/traces', Buffer.from([10, 0]), {
    'content-type': 'application/x-protobuf',
  })
  assert.equal(protobuf.status, 415)
  assert.match(protobuf.body.detail, /http\/json/)
  const gzip = { 'content-encoding': 'gzip' }
  for (const [status, payload, headers] of [
    [400, '', {}],
    [400, '{', {}],
    [400, '[]', {}],
    [400, 'null', {}],
    [400, Buffer.from([0x7b, 0xff, 0x7d]), {}],
    [400, 'no gzip', gzip],
    [400, `${'['.repeat(100_000)}`, {}],
    [413, `{"x":"${'x'.repeat(4_194_304)}"}`, {}],
    [413, gzipSync(`{"x":"${'x'.repeat(5_000_000)}"}`), gzip],
    [415, '{}', { 'content-encoding': 'br' }],
    [415, '{}', { 'content-encoding': 'gzip, gzip' }],
  ] as const)
    assert.equal((await post('/v1/logs', payload, headers)).status, status, String(payload).slice(0, 20))
})

test('More than ten mebibytes a second are refused, with the time after which to send them again', async (t) => {
  const { app } = await world(t)
  const payload = gzipSync(JSON.stringify({ x: 'x'.repeat(4_000_000) }))
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
  const statuses: number[] = []
  for (let i = 0; i < 8; i += 1) {
    const response = await app.inject({ method: 'POST', url: '/v1/traces', payload, headers })
    statuses.push(response.statusCode)
    if (response.statusCode === 429) assert.equal(response.headers['retry-after'], '1')
  }
  assert.ok(statuses.includes(429) && statuses[0] === 200, statuses.join(' '))
})
