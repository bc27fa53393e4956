import assert from 'node:assert/strict'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createMetrics, openTelemetry } from '@quintet/chassis/telemetry'
import type { TelemetrySettings } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { startCollector } from '@quintet/chassis/testing/collector'
import { createLines } from './log-lines.ts'
import { createSampleApp } from './sample-app.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function world(t: TestContext, settings: Partial<TelemetrySettings>) {
  const { logger, lines } = createLines()
  const telemetry = openTelemetry(
    {
      ...{ TELEMETRY_URL: 'none:', OTLP_URL: '', OTLP_HEADERS: '' },
      ...{ TRACE_PER_SECOND: 1_000, TRACE_SLOW_MS: 10_000, ...settings },
    },
    { logger },
  )
  t.after(() => telemetry?.close())
  const metrics = createMetrics()
  const app = await createSampleApp(t, { metrics, tracer: telemetry?.tracer('sample', metrics) })
  app.get('/things/:id', async () => ({}))
  const lost = async (reason: string) =>
    Number(new RegExp(`_lost_total\\{reason="${reason}".*\\} (\\d+)`).exec(await metrics.text())?.[1])
  return { app, telemetry, lines, lost }
}

const countIn = (file: string, table: string): number => {
  const db = new DatabaseSync(file, { readOnly: true })
  const row = db.prepare(`select count(*) as count from ${table}`).get()
  db.close()
  return Number(row?.count)
}

test('Traces and lines are in the file and at the collector soon, and all of them once the process has closed', async (t) => {
  const file = join(temporaryFolder(t), 'telemetry.db')
  const collector = await startCollector(t)
  const { app, telemetry } = await world(t, { TELEMETRY_URL: `sqlite:${file}`, OTLP_URL: collector.url })
  assert.ok(!existsSync(file), 'nothing begins before there is something')
  await app.inject('/things/1')
  telemetry?.line('sample', '{"level":"warn","time":1,"msg":"a warning"}')
  await until(() => collector.spans().length === 1)
  for (let i = 0; i < 20; i += 1) await app.inject('/things/1')
  await telemetry?.close()
  assert.deepEqual([countIn(file, 'trace'), countIn(file, 'log')], [21, 1])
  assert.equal(collector.spans().length, 21)
})

test('A file that another locks, and one that cannot be created, lose traces, which are counted and logged once, and no response', async (t) => {
  const folder = temporaryFolder(t)
  const none = join(folder, 'none', 'telemetry.db')
  const { app, lines, lost, telemetry } = await world(t, { TELEMETRY_URL: `sqlite:${none}` })
  for (let i = 0; i < 3; i += 1) assert.equal((await app.inject('/things/1')).statusCode, 200)
  await until(async () => (await lost('file')) === 3)
  assert.match(String(lines[0]?.msg), /^the file of telemetry cannot be written/)
  assert.equal(lines.length, 1)
  mkdirSync(join(folder, 'none'))
  await until(async () => {
    await app.inject('/things/1')
    return lines.some(({ msg }) => msg === 'the file of telemetry is written again')
  })
  const before = await lost('file')
  const other = new DatabaseSync(none)
  other.exec('begin immediate')
  assert.equal((await app.inject('/things/1')).statusCode, 200)
  await until(async () => (await lost('file')) > before)
  other.exec('rollback')
  other.close()
  await telemetry?.close()
})

test('A collector that does not respond delays and fails nothing, and closing waits for it for two seconds at most', async (t) => {
  const collector = await startCollector(t, () => {})
  const { app, telemetry } = await world(t, { OTLP_URL: collector.url })
  assert.equal((await app.inject('/things/1')).statusCode, 200)
  await until(() => collector.received.length === 1)
  const startedAt = performance.now()
  await telemetry?.close()
  assert.ok(performance.now() - startedAt < 4_000)
})

test('Where there is neither a file nor a collector, nothing is recorded, and the flag of a caller goes on', async (t) => {
  const { telemetry } = await world(t, {})
  assert.equal(telemetry, undefined)
})
