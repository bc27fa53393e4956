import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { beginContext, createLogger, traceparentOf } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { createSampleApp } from './sample-app.ts'

const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
const newTrace = /^(?!0{32})[\da-f]{32}$/

test('A valid traceparent is continued by a span of its own, whatever its flags, and so is one of a later version', () => {
  for (const [header, isSampledByCaller] of [
    [`00-${traceId}-${spanId}-01`, true],
    [`00-${traceId}-${spanId}-00`, false],
    [`00-${traceId}-${spanId}-03`, true],
    [`00-${traceId}-${spanId}-02`, false],
    [`cc-${traceId}-${spanId}-01`, true],
    [`cc-${traceId}-${spanId}-01-what-will-be`, true],
  ] as const) {
    const context = beginContext(header)
    assert.deepEqual([context.traceId, context.parentId], [traceId, spanId], header)
    assert.equal(context.isSampledByCaller, isSampledByCaller, header)
    assert.match(context.spanId, /^(?!00f067aa0ba902b7)[\da-f]{16}$/)
    assert.equal(traceparentOf(context, true), `00-${traceId}-${context.spanId}-01`)
    assert.equal(traceparentOf(context, false), `00-${traceId}-${context.spanId}-00`)
  }
})

test('A traceparent that is missing or malformed begins another trace', () => {
  const ids = new Set<string>()
  for (const header of [
    undefined,
    '',
    'nonsense',
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    [`00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-01`],
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${spanId}-1`,
    `ff-${traceId}-${spanId}-01`,
    `0-${traceId}-${spanId}-01`,
    ` 00-${traceId}-${spanId}-01`,
  ]) {
    const context = beginContext(header)
    assert.match(context.traceId, newTrace, String(header))
    assert.notEqual(context.traceId, traceId)
    assert.deepEqual([context.parentId, context.isSampledByCaller], ['', undefined])
    ids.add(context.traceId)
  }
  assert.equal(ids.size, 15)
})

test('Each request has a trace id in its line of the log: on the fast path, in the framework, without a route, and as no request', async (t) => {
  const lines: Record<string, unknown>[] = []
  const write = (text: string) => {
    for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line))
  }
  const logger = createLogger({ service: 'sample', level: 'info', destination: { write } })
  const app = await createSampleApp(t, { logger })
  app.fastPaths.push({
    route: '/fast/:id',
    prefix: '/fast/',
    find: () => ({ etag: '"1"', body: '{}' }),
  })
  app.get('/slow', async () => ({}))
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const traceparent = `00-${traceId}-${spanId}-01`
  for (const path of ['/fast/1', '/slow', '/nothing'])
    for (const headers of [{}, { traceparent }, { traceparent: 'nonsense' }])
      await (await fetch(url + path, { headers })).text()
  connect(Number(new URL(url).port), '127.0.0.1').end('nonsense\r\n\r\n')
  const ids = () => {
    logger.flush()
    return lines.flatMap(({ msg, traceId }) => (msg === 'request' ? String(traceId) : []))
  }
  await until(() => ids().length === 10)
  const found = ids()
  for (const id of found) assert.match(id, newTrace)
  assert.equal(new Set(found).size, 8)
  assert.equal(found.filter((id) => id === traceId).length, 3)
})
