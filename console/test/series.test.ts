import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp } from '@quintet/chassis/http'
import { Value } from 'typebox/value'
import { charts } from '../src/charts/queries.ts'
import { createRequestCount } from '../src/request-count.ts'
import { addSeries } from '../src/series.ts'
import { ChartList, Series } from '../src/wire/index.ts'
import { begin, createScraping, listenAs, logger } from './scraping-world.ts'

const hour = 3_600_000
type Traces = Awaited<ReturnType<Parameters<typeof addSeries>[1]['slowTraces']>>

/** The API over what is scraped of two services. */
async function world(t: TestContext, traces: Traces = []) {
  const [guid, billing] = [await listenAs(t, 'guid'), await listenAs(t, 'billing')]
  const scraping = createScraping(t, { urls: { guid: guid.url, billing: billing.url } })
  const app = await createApp({
    ...{ name: 'console', title: 'Console', description: 'For tests.', logger, checkResponses: true },
  })
  t.after(() => app.close())
  addSeries(app, {
    ...scraping,
    rows: async (range) => scraping.file.series(range),
    slowTraces: async ({ from, to }) => traces.filter(({ at }) => at >= from && at <= to),
  })

  async function seriesOf(query: Readonly<Record<string, string | number>>): Promise<Series> {
    const response = await app.inject({
      url: '/api/series',
      query: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)])),
    })
    assert.equal(response.statusCode, 200, response.body)
    const body: unknown = response.json()
    assert.ok(Value.Check(Series, body))
    return body
  }

  return { ...scraping, app, guid: guid.app, billing: billing.app, seriesOf }
}

test('The charts are listed, each with its query for Prometheus', async (t) => {
  const { app } = await world(t)
  const body: unknown = (await app.inject('/api/charts')).json()
  assert.ok(Value.Check(ChartList, body))
  assert.deepEqual(
    body.data.map(({ name }) => name),
    charts.map(({ name }) => name),
  )
  assert.match(body.data[0]?.promql ?? '', /^sum by \(service\) \(rate\(/)
})

test('A series has a line for each service, or those of one by its routes', async (t) => {
  const { scrapeNext, seriesOf, guid, billing } = await world(t)
  for (const app of [guid, billing]) await app.inject('/good')
  await scrapeNext()
  for (let i = 0; i < 5; i += 1) await guid.inject('/good')
  await guid.inject('/bad')
  await scrapeNext()
  assert.deepEqual(await seriesOf({ name: 'requests', from: begin, to: begin + 30_000, step: 10 }), {
    name: 'requests',
    unit: 'per second',
    at: [begin, begin + 10_000, begin + 20_000, begin + 30_000],
    lines: [
      { label: 'billing', values: [null, null, 0, null] },
      { label: 'guid', values: [null, null, 0.6, null] },
    ],
    leftOut: 0,
    exemplars: [],
  })
  const range = { service: 'guid', from: begin + 20_000, to: begin + 20_001, step: 10 }
  const errors = await seriesOf({ name: 'route-errors', ...range })
  assert.deepEqual(errors.lines, [
    { label: '/bad', values: [1] },
    { label: '/good', values: [0] },
  ])
  const [line] = (await seriesOf({ name: 'duration-p95', ...range })).lines
  assert.equal(line?.label, 'guid')
  assert.ok(Number(line?.values[0]) > 0)
})

test('A rate is the same in rows of ten seconds, of a minute and of ten minutes', async (t) => {
  const { clock, file, seriesOf } = await world(t)
  const counter = 'http_server_request_duration_seconds_count{http_response_status_code="200"}'
  for (let i = 0; i < 120; i += 1)
    file.addSamples(begin + i * 10_000, 'guid', {
      scraped_seconds_total: 10,
      ...(i % 2 === 0 && { [counter]: 5 }),
    })
  const from = begin + 600_000
  const meanOf = async () => {
    const { lines } = await seriesOf({
      name: 'requests',
      service: 'guid',
      from,
      to: from + 599_999,
      step: 10,
    })
    const values = lines[0]?.values.filter((value) => value !== null) ?? []
    return [values.length, values.reduce((sum, value) => sum + value, 0) / values.length]
  }
  assert.deepEqual(await meanOf(), [60, 0.25])
  clock.set(begin + 7 * hour)
  assert.deepEqual(await meanOf(), [10, 0.25])
  clock.set(begin + 96 * hour)
  assert.deepEqual(await meanOf(), [1, 0.25])
})

test('The requests of clients in a span of time are counted, each once, and are not known without metrics', async (t) => {
  const { clock, file, services } = await world(t)
  const count = createRequestCount({ clock, services, rows: async (range) => file.series(range) })
  const range = { from: begin, to: begin + 60_000 }
  assert.equal(await count(range), null)
  const [served, forwarded] = [
    'http_server_request_duration_seconds_count',
    'http_client_request_duration_seconds_count',
  ]
  file.addSamples(begin, 'billing', {
    [`${served}{http_route="/a"}`]: 5,
    [`${forwarded}{quintet_upstream="guid"}`]: 2,
  })
  file.addSamples(begin + 10_000, 'guid', { [`${served}{http_route="/b"}`]: 3 })
  file.addSamples(begin + 120_000, 'guid', { [`${served}{http_route="/b"}`]: 50 })
  assert.equal(await count(range), 6)
})

test('Without a span of time there are the last 15 minutes, and without a step a readable number of values', async (t) => {
  const { clock, seriesOf } = await world(t)
  const stepOf = async (query: Readonly<Record<string, number>>) => {
    const { at } = await seriesOf({ name: 'requests', ...query })
    return [at.length, (Number(at[1]) - Number(at[0])) / 1_000]
  }
  assert.deepEqual(await stepOf({}), [91, 10])
  assert.deepEqual(await stepOf({ from: clock.now() - 6 * hour }), [361, 60])
  assert.deepEqual(await stepOf({ from: clock.now() - 30 * 24 * hour }), [361, 7_200])
})

test('A chart of durations has kept traces that explain its values', async (t) => {
  const trace = { id: '4bf92f3577b34da6a3ce929d0e0e4736', at: begin, durationMs: 250 }
  const { seriesOf } = await world(t, [trace])
  const range = { from: begin - hour, to: begin + hour }
  assert.deepEqual((await seriesOf({ name: 'duration-p99', ...range })).exemplars, [
    { at: begin, value: 0.25, traceId: trace.id },
  ])
  assert.deepEqual((await seriesOf({ name: 'requests', ...range })).exemplars, [])
  assert.deepEqual(
    (await seriesOf({ name: 'duration-p99', from: begin + 1, to: begin + hour })).exemplars,
    [],
  )
})

test('What is no chart, no service, no span of time or too fine a step is refused, with what it must be', async (t) => {
  const { app } = await world(t)
  for (const [query, errors] of [
    ['name=x', { name: 'name must be that of a chart, which /api/charts lists.' }],
    ['name=requests&service=x', { service: 'service must be one of guid, billing.' }],
    ['name=requests&from=5&to=5', { from: 'from must be before to.' }],
    ['name=requests&from=0&step=600', { step: /^step must be at least \d+ for this span of time\.$/ }],
    ['name=requests&step=5', { step: /^step must be/ }],
    ['', { name: 'name is required.' }],
  ] as const) {
    const response = await app.inject(`/api/series?${query}`)
    assert.equal(response.statusCode, 400, query)
    for (const [field, expected] of Object.entries(errors)) {
      const sentence = String(response.json().errors[field])
      if (typeof expected === 'string') assert.equal(sentence, expected)
      else assert.match(sentence, expected)
    }
  }
})
