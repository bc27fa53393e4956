import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { SpanData, TracePart } from '@quintet/chassis/telemetry'
import { openTelemetryStore } from '../src/telemetry/store.ts'
import { temporaryFolder } from './temporary-folder.ts'

const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')

function partOf(trace: number, spans: Partial<SpanData>[], why: TracePart['why'] = 'sampled'): TracePart {
  return {
    traceId: hex(trace, 32),
    requestId: `r${trace}`,
    why,
    spans: spans.map((span, i) => ({
      traceId: hex(trace, 32),
      spanId: hex(i + 1, 16),
      parentId: '',
      service: 'guid',
      name: 'GET /guid/:guid',
      kind: 'server',
      startMs: 1_000 + trace,
      durationMs: 10,
      error: '',
      attributes: { 'http.route': '/guid/:guid' },
      links: [],
      ...span,
    })),
  }
}

test('A trace has a bound, whatever its client sends in it, and a status is one of HTTP', (t) => {
  const file = join(temporaryFolder(t), 'telemetry.db')
  const store = openTelemetryStore(file, 50_000_000)
  const spans = (from: number) => Array.from({ length: 3_000 }, (_, i) => ({ spanId: hex(from + i, 16) }))
  for (const from of [1, 3_001, 6_001]) store.write([partOf(1, spans(from))], [])
  const odd = { 'http.response.status_code': 2 ** 60 }
  store.write([partOf(2, [{ attributes: odd }])], [])
  store.close()
  const db = new DatabaseSync(file, { readOnly: true })
  t.after(() => db.close())
  assert.deepEqual(
    db
      .prepare('select spans, status from trace order by id')
      .all()
      .map((row) => ({ ...row })),
    [
      { spans: 4_096, status: 0 },
      { spans: 1, status: 0 },
    ],
  )
  assert.equal(Number(db.prepare('select count(*) as n from span').get()?.n), 4_097)
})

test('Many lines of one time are kept in their order, each under an id of its own', (t) => {
  const file = join(temporaryFolder(t), 'telemetry.db')
  const store = openTelemetryStore(file, 50_000_000)
  const lines = Array.from({ length: 5_000 }, (_, i) => ({
    service: 'guid',
    line: `{"level":"warn","time":1796000000000,"msg":"${i}"}`,
  }))
  store.write([], lines)
  store.close()
  const db = new DatabaseSync(file, { readOnly: true })
  t.after(() => db.close())
  const kept = db.prepare('select message from log order by id').all()
  assert.deepEqual(
    kept.map(({ message }) => message),
    lines.map((_, i) => String(i)),
  )
})

test('The parts of a trace from several services are one trace, from the beginning of the first to the end of the last', (t) => {
  const file = join(temporaryFolder(t), 'telemetry.db')
  const store = openTelemetryStore(file, 20_000_000)
  store.write([partOf(1, [{ spanId: hex(9, 16), startMs: 1_005, durationMs: 3, error: '500' }], 'error')], [])
  const link = { traceId: hex(7, 32), spanId: hex(8, 16) }
  store.write(
    [partOf(1, [{ service: 'gateway', name: 'GET /guid/*', startMs: 1_000, links: [link] }], 'slow')],
    [],
  )
  store.close()
  const db = new DatabaseSync(file, { readOnly: true })
  t.after(() => db.close())
  assert.deepEqual(
    { ...db.prepare('select * from trace').get() },
    {
      ...{ id: hex(1, 32), request_id: 'r1', at: 1_000, root: 'GET /guid/*', service: 'gateway' },
      ...{ seq: 1, services: 'gateway,guid', duration_ms: 10, spans: 2, failed: 1, status: 0, why: 'error' },
    },
  )
  assert.equal(db.prepare('select count(*) as count from span').get()?.count, 2)
  assert.deepEqual(
    { ...db.prepare('select * from link').get() },
    {
      ...{ linked_trace_id: link.traceId, linked_span_id: link.spanId },
      ...{ trace_id: hex(1, 32), span_id: hex(1, 16) },
    },
  )
})

test('Lines of the log are found by their words, and only their owner can read the file', (t) => {
  const file = join(temporaryFolder(t), 'telemetry.db')
  const store = openTelemetryStore(file, 20_000_000)
  const line = JSON.stringify({ level: 'warn', time: 5, msg: 'the circuit changed', requestId: 'r1' })
  store.write(
    [],
    [
      { service: 'gateway', line },
      { service: 'gateway', line: 'no JSON' },
    ],
  )
  store.close()
  const db = new DatabaseSync(file, { readOnly: true })
  t.after(() => db.close())
  const found = db.prepare(
    "select level, message, request_id, line from log where id in (select rowid from log_words where log_words match 'circuit')",
  )
  assert.deepEqual(
    found.all().map((row) => ({ ...row })),
    [{ level: 'warn', message: 'the circuit changed', request_id: 'r1', line }],
  )
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('The file never grows beyond its bytes: the oldest of the service that has the most is forgotten', (t) => {
  const file = join(temporaryFolder(t), 'telemetry.db')
  const bytesMax = 2_000_000
  const store = openTelemetryStore(file, bytesMax)
  store.write([partOf(1, [{ service: 'billing', attributes: { 'url.path': 'x'.repeat(900) } }])], [])
  for (let batch = 1; batch <= 60; batch += 1) {
    const parts = Array.from({ length: 60 }, (_, i) =>
      partOf(batch * 100 + i, [{ attributes: { 'url.path': 'x'.repeat(900) } }, { attributes: {} }]),
    )
    const line = JSON.stringify({ level: 'warn', msg: 'y'.repeat(200), time: batch })
    store.write(parts, [{ service: 'guid', line }])
    assert.ok(store.bytes() <= bytesMax)
  }
  store.close()
  assert.ok(statSync(file).size <= bytesMax, `${statSync(file).size}`)
  const db = new DatabaseSync(file, { readOnly: true })
  t.after(() => db.close())
  const kept = db.prepare(
    'select service, count(*) as count, max(at) as newest from trace group by service order by 1',
  )
  const [billing, guid] = kept.all()
  assert.equal(billing?.count, 1, 'the quiet service has lost nothing')
  assert.ok(Number(guid?.count) > 300 && Number(guid?.count) < 3_600, String(guid?.count))
  assert.equal(guid?.newest, 1_000 + 6_059)
  const orphans = db.prepare(
    'select count(*) as count from span where trace_id not in (select id from trace)',
  )
  assert.equal(orphans.get()?.count, 0)
})

test('A file of another version is emptied, and what is no database is an error', (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'telemetry.db')
  openTelemetryStore(file, 20_000_000).close()
  const db = new DatabaseSync(file)
  db.exec('alter table trace add column later text; pragma user_version = 99')
  db.close()
  const store = openTelemetryStore(file, 20_000_000)
  store.write([partOf(1, [{}])], [{ service: 'guid', line: '{}' }])
  store.close()
  const other = join(folder, 'other.db')
  writeFileSync(other, 'no database'.repeat(1_000))
  assert.throws(() => openTelemetryStore(other, 20_000_000), /not a database/)
})
