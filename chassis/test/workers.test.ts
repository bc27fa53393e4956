import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonSettings, shareOfLimits, validValues } from '@quintet/chassis/config'
import { createMetrics, Counter } from '@quintet/chassis/telemetry'
import { mergeMetrics } from '@quintet/chassis/workers'
import { Type } from 'typebox'
import { settingsOf } from './settings-contract.ts'

test('The metrics of several workers become one text, in which each metric is described once and each sample has its worker', async () => {
  const texts = await Promise.all(
    ['1', '2'].map(async (worker) => {
      const metrics = createMetrics({ worker, isOfProcess: true })
      new Counter({ name: 'orders_total', help: 'Orders.', registers: [metrics.registry] }).inc(
        Number(worker),
      )
      metrics.requestsOf('/movies')('GET', 200, 3)
      return metrics.text()
    }),
  )
  const merged = mergeMetrics(texts)
  assert.deepEqual(merged.match(/^orders_total.*$/gm), [
    'orders_total{worker="1"} 1',
    'orders_total{worker="2"} 2',
  ])
  assert.deepEqual(merged.match(/^http_server_request_duration_seconds_count.*$/gm), [
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/movies",http_response_status_code="200",worker="1"} 1',
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/movies",http_response_status_code="200",worker="2"} 1',
  ])
  const described = merged.match(/^# (HELP|TYPE) \S+/gm) ?? []
  assert.ok(described.length > 20)
  assert.equal(new Set(described).size, described.length)
  for (const text of texts)
    for (const line of text.split('\n')) assert.ok(line === '' || merged.includes(`${line}\n`), line)
})

test('A worker that does not respond is missing in the metrics, and no other', () => {
  const text = '# HELP a_total A.\n# TYPE a_total counter\na_total{worker="1"} 1\n'
  assert.equal(mergeMetrics(['', text]), text)
})

test('Each worker has an equal share of the limits of an instance, rounded up, and all of any other setting', () => {
  const schema = Type.Object(commonSettings)
  const values = validValues(schema, settingsOf({ CONNECTIONS_MAX: '1001', WORKERS: '4' }))
  assert.deepEqual(shareOfLimits(schema, values, 4), { CONNECTIONS_MAX: '251' })
})
