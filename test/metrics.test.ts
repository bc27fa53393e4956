import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { loadConfig, telemetrySchema } from '@quintet/chassis/config'
import { createLogger, createMetrics, openTelemetry } from '@quintet/chassis/telemetry'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { tlsFiles } from '@quintet/chassis/testing/tls'
import { charts } from '@quintet/console/charts'
import type { Chart, Selection } from '@quintet/console/charts'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import { services } from '../topology.ts'

/** A metric as the table has it: its kind, whose it is, and its labels. */
type Metric = { readonly kind: string; readonly of: string; readonly labels: ReadonlySet<string> }

const page = readFileSync(new URL('../docs/operating.md', import.meta.url), 'utf8')

test('The table of metrics has those that the services export, each with its kind, its labels and whose it is, and no others', async (t) => {
  const documented = documentedMetrics()
  const live = await liveMetrics(t)
  const rows = (metrics: ReadonlyMap<string, Metric>) =>
    [...metrics].map(([name, { kind, of }]) => `${name} | ${kind} | ${of}`).sort()
  assert.deepEqual(rows(documented), rows(live))
  for (const [name, { labels }] of live)
    for (const label of labels)
      assert.ok(documented.get(name)?.labels.has(label), `The table lacks the label ${label} of ${name}.`)
})

test('Former names of metrics are on the page only in the table of what they have become, whose new names exist', () => {
  const documented = documentedMetrics()
  const [, renamed = ''] = page.split('\n#### Former names\n')
  const [table = ''] = renamed.split(/\n#+ /)
  const rows = [...table.matchAll(/^\| `([a-z_]+)[^`]*` \| (.*) \|$/gm)]
  assert.ok(rows.length > 20)
  for (const [, former = '', now = ''] of rows) {
    assert.ok(!documented.has(former), former)
    assert.ok(!new RegExp(`\\b${former}\\b`).test(page.replace(table, '')), former)
    for (const [, name = ''] of now.matchAll(/`([a-z]+_[a-z_]+)/g)) assert.ok(documented.has(name), name)
  }
})

test('Each chart of the console is of metrics in the table, of the kind that it needs, by labels that they have', () => {
  const documented = documentedMetrics()
  const check = (chart: Chart, { metric, where = [] }: Selection) => {
    const [, family = metric, suffix] = /^(.+)_(bucket|sum|count)$/.exec(metric) ?? []
    const found = documented.get(family)
    assert.ok(found, `${chart.name} is of ${family}, which the table lacks.`)
    if (suffix !== undefined) assert.equal(found.kind, 'histogram', chart.name)
    else assert.equal(found.kind, chart.kind === 'gauge' ? 'gauge' : 'counter', chart.name)
    if (chart.kind === 'quantile') assert.equal(suffix, 'bucket', chart.name)
    for (const label of [...chart.by, ...where.map(([label]) => label)])
      assert.ok(label === 'service' || found.labels.has(label), `${chart.name}: ${family} has no ${label}.`)
  }
  for (const chart of charts) {
    check(chart, chart)
    if (chart.kind === 'ratio') check(chart, chart.over)
  }
})

function documentedMetrics(): Map<string, Metric> {
  const [, section = ''] = page.split('\n### Metrics\n')
  const [table = ''] = section.split(/\n#{2,4} /)
  const metrics = new Map<string, Metric>()
  for (const [, names = '', kind = '', labels = '', of = ''] of table.matchAll(row))
    for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) {
      assert.ok(!metrics.has(name), `${name} is there twice.`)
      metrics.set(name, {
        kind,
        of,
        labels: new Set([...labels.matchAll(/`(\w+)`/g)].map(([, one = '']) => one)),
      })
    }
  return metrics
}

/** Names, kind, labels, whose it is, meaning. */
const row = /^\| ((?:`\w+`(?:, )?)+) \| (\w+) \| ([^|]*?) ?\| ([^|]+) \| [^|]+ \|$/gm

/** What all services export, one of them with what is of the process, on embedded storage and with all that settings can enable. */
async function liveMetrics(t: TestContext): Promise<Map<string, Metric>> {
  const settings = everything(t)
  const telemetry = openTelemetry(loadConfig(telemetrySchema, settings), { logger })
  t.after(() => telemetry?.close())
  const found = new Map<string, { kind: string; of: Set<string>; labels: Set<string> }>()
  for (const service of ['process', ...serviceNames] as const) {
    const metrics = createMetrics({ isOfProcess: service === 'process' })
    if (service !== 'process') {
      const app = await services[service].createApp(settings, { logger, metrics, telemetry })
      t.after(() => app.close())
      await app.ready()
      // The queue of the gateway is open once it responds.
      await app.observed.readiness()
    }
    const text = await metrics.text()
    for (const [, name = '', kind = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
      const metric = found.get(name) ?? { kind, of: new Set<string>(), labels: new Set<string>() }
      metric.of.add(service)
      found.set(name, metric)
    }
    for (const [, sample = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
      const metric = found.get(sample) ?? found.get(sample.replace(/_(bucket|sum|count)$/, ''))
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') metric?.labels.add(label)
    }
  }
  return new Map([...found].map(([name, { kind, of, labels }]) => [name, { kind, of: whose(of), labels }]))
}

function whose(of: ReadonlySet<string>): string {
  if (serviceNames.every((name) => of.has(name))) return 'every service'
  return of.has('process') ? 'the process' : [...of].join(', ')
}

const logger = createLogger({ service: 'metrics', level: 'silent' })

function everything(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-metrics-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { certificate, key } = tlsFiles(t)
  const inMemory = serviceNames.flatMap((name) => {
    const { storage }: ServiceEntry = topology[name]
    return [storage.database, storage.queue].flatMap((setting) =>
      setting === undefined ? [] : [[setting, 'sqlite::memory:']],
    )
  })
  return settingsOf({
    ...Object.fromEntries(inMemory),
    DATA_DIR: folder,
    CERTIFICATES_KEY: '0'.repeat(64),
    // The discard port, where nothing is.
    CERTIFICATES_NOTIFY_URL: 'http://127.0.0.1:9',
    CERTIFICATES_NOTIFY_SECRET: '0'.repeat(64),
    AUTH: 'optional',
    AUTH_ISSUER: 'http://127.0.0.1:9',
    AUTH_AUDIENCE: 'quintet',
    GATEWAY_DENY: '198.51.100.0/24',
    RATE_LIMIT: 'on',
    RATE_LIMIT_AT: 'everywhere',
    RATE_LIMIT_POLICIES: '"client";q=100;w=60;by="address"',
    AUDIT_LOG: join(folder, 'audit.log'),
    TELEMETRY_URL: 'none:',
    OTLP_URL: 'http://127.0.0.1:9',
    TLS_CERT_FILE: certificate,
    TLS_KEY_FILE: key,
  })
}
