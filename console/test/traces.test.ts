import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, partOf, readingWorld } from './reading-world.ts'

test('The list of traces goes on page by page, with what is kept and what the filters can be', async (t) => {
  const { file, get } = await readingWorld(t)
  file.write(
    Array.from({ length: 25 }, (_, i) => partOf(i, {}, i % 5 === 0 ? 'error' : 'sampled')),
    [],
  )
  const ids: string[] = []
  for (let cursor = ''; ; ) {
    const { status, body } = await get(`/api/traces?limit=10${cursor}`)
    assert.equal(status, 200)
    ids.push(...body.data.map(({ id }: { id: string }) => id))
    assert.deepEqual(body.held, { kept: 25, of: null, oldestAt: Date.UTC(2026, 0, 1), stopped: false })
    assert.deepEqual(body.facets.why, { sampled: 20, error: 5 })
    if (body.next === null) break
    file.write([partOf(100 + ids.length)], [])
    cursor = `&cursor=${body.next}`
    body.held.kept = 0
    if (ids.length > 0) break
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 10 }, (_, i) => hex(24 - i, 32)),
  )
  const errors = await get('/api/traces?why=error&service=guid&status=2xx&min=10&sort=duration')
  assert.equal(errors.body.data.length, 5)
})

test('A trace is there with its spans, and as an OTLP request', async (t) => {
  const { file, get } = await readingWorld(t)
  file.write([partOf(1, { links: [{ traceId: hex(2, 32), spanId: hex(3, 16) }] }), partOf(2)], [])
  const { body } = await get(`/api/traces/${hex(1, 32)}`)
  assert.deepEqual(body.data[0].links, [{ traceId: hex(2, 32), spanId: hex(3, 16) }])
  assert.equal(body.linked[0].id, hex(2, 32))
  const otlp = await get(`/api/traces/${hex(1, 32)}?format=otlp`)
  assert.equal(otlp.body.resourceSpans[0].scopeSpans[0].spans[0].spanId, hex(1, 16))
  assert.match(otlp.text, /"service.version","value":\{"stringValue":"1.2.3"/)
  for (const format of ['', '?format=otlp'])
    assert.equal((await get(`/api/traces/${hex(9, 32)}${format}`)).status, 404)
})

test('Queries that make no sense are refused with the name of the field, and words never are', async (t) => {
  const { file, get } = await readingWorld(t)
  file.write([partOf(1)], [{ service: 'guid', line: '{"level":"warn","time":5,"msg":"the circuit opened"}' }])
  for (const [path, field] of [
    ['/api/traces?limit=0', 'limit'],
    ['/api/traces?limit=1001', 'limit'],
    ['/api/traces?status=6xx', 'status'],
    ['/api/traces?why=other', 'why'],
    ['/api/traces?min=-1', 'min'],
    ['/api/traces?from=5&to=4', 'to'],
    ['/api/traces?cursor=WzFd', 'cursor'],
    ['/api/traces?cursor=x', 'cursor'],
    ['/api/traces?other=1', 'other'],
    ['/api/traces/xyz', 'id'],
    ['/api/logs?level=loud', 'level'],
    ['/api/logs?trace=1', 'trace'],
    ['/api/logs?from=5&to=4', 'to'],
    ['/api/logs?cursor=WyIxIl0', 'cursor'],
    ['/api/logs?around=1&level=warn', 'around'],
    ['/api/live?topics=all', 'topics'],
  ] as const) {
    const { status, body } = await get(path)
    assert.equal(status, 400, path)
    assert.ok(field in body.errors, `${path} ${JSON.stringify(body.errors)}`)
  }
  for (const words of ['"', "'; drop table trace", 'NEAR(', '*', '\u0000', 'a" OR "b', '%', '-', 'line:x']) {
    const encoded = encodeURIComponent(words)
    assert.equal((await get(`/api/logs?words=${encoded}`)).status, 200, words)
    assert.equal((await get(`/api/traces?words=${encoded}`)).status, 200, words)
  }
  assert.equal((await get('/api/logs?words=opened%20circuit')).body.data.length, 1)
})

test('Lines go on page by page, and there are those around one', async (t) => {
  const { file, get } = await readingWorld(t)
  const lines = Array.from({ length: 130 }, (_, i) => ({
    service: i % 2 === 0 ? 'guid' : 'billing',
    line: JSON.stringify({
      level: i % 10 === 0 ? 'error' : 'warn',
      time: 1_000 + i,
      msg: `line ${i}`,
      requestId: `r${i}`,
    }),
  }))
  file.write([], lines)
  const first = await get('/api/logs?limit=100')
  assert.equal(first.body.data[0].message, 'line 129')
  assert.deepEqual(first.body.held, { kept: 130, of: null, oldestAt: 1_000, stopped: false })
  const second = await get(`/api/logs?limit=100&cursor=${first.body.next}`)
  assert.deepEqual([second.body.data.length, second.body.next], [30, null])
  assert.equal((await get('/api/logs?level=error&service=guid')).body.data.length, 13)
  const [line] = (await get('/api/logs?request=r60')).body.data
  const around = await get(`/api/logs?around=${line.id}`)
  assert.deepEqual([around.body.data.length, around.body.data[0].message], [101, 'line 10'])
})

test('Where traces are not kept, the lists say so', async (t) => {
  const { app, get } = await readingWorld(t, { isKept: false })
  for (const path of ['/api/traces', `/api/traces/${hex(1, 32)}`, '/api/logs']) {
    const { status, body } = await get(path)
    assert.equal(status, 404)
    assert.equal(body.detail, 'Traces and the log are not kept, since TELEMETRY_URL is none:.')
  }
  const sent = await app.inject({ method: 'POST', url: '/v1/traces', payload: { resourceSpans: [] } })
  assert.equal(sent.statusCode, 404)
})
