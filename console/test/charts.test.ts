import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { chartNamed, charts, promqlOf } from '../src/charts/queries.ts'
import { ChartSummary } from '../src/wire/index.ts'

test('Each chart has a name of its own, and all that its page shows of it', () => {
  assert.equal(new Set(charts.map(({ name }) => name)).size, charts.length)
  for (const chart of charts) {
    assert.match(chart.name, /^[a-z0-9]+(-[a-z0-9]+)*$/)
    assert.match(chart.description, /^\S.*\.$/, chart.name)
    assert.ok(chart.by.length > 0, chart.name)
    assert.deepEqual([...Value.Errors(ChartSummary, { ...chart, promql: promqlOf(chart) })], [], chart.name)
  }
})

test('The query of a chart takes rates by its labels, over five minutes or a given range', () => {
  assert.equal(queryOf('requests'), 'sum by (service) (rate(http_server_request_duration_seconds_count[5m]))')
  assert.equal(
    queryOf('upstream-faults', '$__rate_interval'),
    'sum by (upstream, fault) (rate(quintet_gateway_upstream_faults_total[$__rate_interval]))',
  )
})

test('The query of a share is 0 where nothing has been counted yet', () => {
  const all = 'sum by (service) (rate(http_server_request_duration_seconds_count[1h]))'
  const failed =
    'sum by (service) (rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[1h]))'
  assert.equal(queryOf('errors', '1h'), `(${failed} or ${all} * 0) / ${all}`)
})

test('The query of a quantile is over the buckets, and that of a gauge has no range', () => {
  assert.equal(
    queryOf('duration-p95'),
    'histogram_quantile(0.95, sum by (service, le) (rate(http_server_request_duration_seconds_bucket[5m])))',
  )
  assert.equal(queryOf('queue-dead'), 'max by (queue) (quintet_queue_messages{state="dead"})')
})

function queryOf(name: string, range?: string): string {
  const chart = chartNamed(name)
  assert.ok(chart)
  return promqlOf(chart, range)
}
