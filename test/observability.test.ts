import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { telemetrySchema } from '@quintet/chassis/config'
import { objectives } from '@quintet/console/objectives'
import { serviceNames } from '@quintet/contracts/topology'
import { parse } from 'yaml'
import { observabilityFiles } from '../cli/observability/files.ts'
import { beanstalkCompose } from '../deploy/aws/beanstalk-compose.ts'
import { metricsOf } from './promql.ts'

/** What operators load into their own monitoring, as far as it can be checked without it; observability.engines.test.ts runs it. */

const root = new URL('..', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const folder = 'deploy/observability'

type Rule = {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}
type Rules = { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] }

const { groups }: Rules = parse(read(`${folder}/rules.yml`))
const rules = groups.flatMap((group) => group.rules)
const alerts = rules.filter(({ alert }) => alert !== undefined)
const alertNames = [...new Set(alerts.map(({ alert = '' }) => alert))]

for (const [file, text] of observabilityFiles())
  test(`${file} is what npm run dashboards writes`, () => {
    assert.ok(existsSync(new URL(file, root)), `${file} is missing.`)
    assert.ok(read(file) === text, 'Run npm run dashboards, and commit what it changed.')
  })

test('There is no dashboard that npm run dashboards does not write', () => {
  const files = globSync(`${folder}/grafana/dashboards/*`, { cwd: root })
  assert.ok(files.length > 3)
  assert.deepEqual(
    files.filter((file) => !observabilityFiles().has(file)),
    [],
  )
})

test('Each alert has a severity, a summary, a description and a runbook', () => {
  for (const { alert = '', labels = {}, annotations = {} } of alerts) {
    assert.match(labels.severity ?? '', /^(page|ticket)$/, alert)
    assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook'], alert)
    assert.match(annotations.description ?? '', /^\S.*\.$/, alert)
    assert.equal(annotations.runbook, `docs/alerts.md#${alert.toLowerCase()}`)
  }
})

test('docs/alerts.md states the objectives that the alerts and the console have', () => {
  const { errorBudget, latencyBudget, latencySeconds } = objectives
  assert.ok(
    read('docs/alerts.md').includes(
      `${100 - errorBudget * 100} % get another response than one of 500 or above, and ${100 - latencyBudget * 100} % are answered within ${latencySeconds * 1_000} ms.`,
    ),
  )
})

test('Each runbook of docs/alerts.md is of an alert, in their order, says what it means and what to do, and has its severity', () => {
  const sections = read('docs/alerts.md').split(/^## /m).slice(1)
  const runbooks = new Map(
    sections.map((section) => [section.split('\n', 1)[0] ?? '', section] as const).slice(1),
  )
  assert.deepEqual([...runbooks.keys()], alertNames)
  for (const [name, text] of runbooks) {
    const marks = ['**Says.**', '**Why.**', '**Look at.**', '**Do.**']
    const places = marks.map((mark) => text.indexOf(mark))
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      `${name} must have ${marks.join(', ')}`,
    )
    const severities = new Set(
      alerts.filter(({ alert }) => alert === name).map(({ labels }) => labels?.severity),
    )
    assert.deepEqual([/\*\*Says\.\*\* A (\w+)\./.exec(text)?.[1]], [...severities], name)
  }
})

test('The charts that a runbook names are on the dashboards', () => {
  const titles = new Set(dashboards().flatMap(({ panels }) => panels.map(({ title }) => title)))
  for (const { title } of dashboards()) titles.add(title.replace('Quintet: ', ''))
  const named = [...read('docs/alerts.md').matchAll(/(?<!\*)\*([A-Z][^*]+)\*(?!\*)/g)].map(
    ([, name = '']) => name,
  )
  assert.ok(named.length > 10)
  for (const name of named)
    assert.ok(
      [...titles].some((title) => title === name || title.startsWith(`${name}, `)),
      `There is no chart ${name}.`,
    )
})

test('Each alert has a case in which it fires', () => {
  const tests = ['rules', 'budgets'].map((name) => read(`${folder}/${name}.test.yml`)).join('\n')
  for (const name of alertNames) {
    const fires = new RegExp(
      `labels: 'ALERTS\\{alertname="${name}",|alertname: ${name}\\n +eval_time: \\w+\\n +exp_alerts:\\n`,
    )
    assert.match(tests, fires, name)
  }
})

test('Alerts and recording rules are of metrics in the table, or of what a rule records', () => {
  const recorded = rules.flatMap(({ record }) => record ?? [])
  const known = new Set([...documentedMetrics(), ...ofPrometheus, ...recorded])
  for (const { alert, record, expr } of rules)
    for (const metric of metricsOf(expr)) assert.ok(known.has(metric), `${alert ?? record}: ${metric}`)
  const used = new Set(rules.flatMap(({ expr }) => metricsOf(expr)))
  for (const record of recorded)
    assert.ok(used.has(record) || isOnDashboard(record), `Nothing uses ${record}.`)
})

type Panel = {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
}
type Dashboard = { readonly uid: string; readonly title: string; readonly panels: readonly Panel[] }

function dashboards(): Dashboard[] {
  return globSync(`${folder}/grafana/dashboards/*.json`, { cwd: root }).map((file) => JSON.parse(read(file)))
}

function isOnDashboard(metric: string): boolean {
  return dashboards().some(({ panels }) =>
    panels.some(({ targets = [] }) => targets.some(({ expr }) => expr.includes(metric))),
  )
}

test('Each panel says what it shows, in a unit, of the data source that a variable names, and of metrics in the table', () => {
  const recorded = rules.flatMap(({ record }) => record ?? [])
  const known = new Set([...documentedMetrics(), ...ofPrometheus, ...recorded])
  for (const { title, panels } of dashboards())
    for (const { type, title: panel, description, datasource, fieldConfig, targets = [] } of panels) {
      if (type === 'row') continue
      const name = `${title}, ${panel}`
      assert.match(description ?? '', /^\S.*\.$/, name)
      assert.match(fieldConfig?.defaults.unit ?? '', /^\w+$/, name)
      assert.equal(targets.length, 1, name)
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)].map(
        (one) => one ?? { uid: '' },
      ))
        assert.equal(uid, `\${datasource}`, name)
      for (const { expr } of targets)
        for (const metric of metricsOf(expr)) assert.ok(known.has(metric), `${name}: ${metric}`)
    }
})

test('A dashboard has no id twice, no panel over another and none beyond the width, and can be provisioned from its file', () => {
  const uids = dashboards().map(({ uid }) => uid)
  assert.equal(new Set(uids).size, uids.length)
  for (const dashboard of dashboards()) {
    const { title, panels } = dashboard
    assert.ok(!('__inputs' in dashboard) && !('id' in dashboard), title)
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, title)
    for (const [i, { gridPos: one, title: panel }] of panels.entries()) {
      assert.ok(one.x + one.w <= 24 && one.w > 0 && one.h > 0, panel)
      for (const { gridPos: other, title: next } of panels.slice(i + 1))
        assert.ok(
          one.x + one.w <= other.x ||
            other.x + other.w <= one.x ||
            one.y + one.h <= other.y ||
            other.y + other.h <= one.y,
          `${title}: ${panel} is over ${next}.`,
        )
    }
  }
})

test('Prometheus and Alertmanager have the same images and ports in each place', () => {
  type Compose = { services: Record<string, { image?: string }> }
  const overlay: Compose = parse(read(`${folder}/compose.observability.yaml`), { merge: true })
  const backends: Compose = parse(read('backends/compose.yaml'), { merge: true })
  for (const name of ['prometheus', 'alertmanager'])
    assert.equal(overlay.services[name]?.image, backends.services[name]?.image, name)
})

test('Containers get the settings of traces, and without one for the file keep none, as their image says', () => {
  type Compose = { services: Record<string, { environment: Record<string, string | null> }> }
  const settings = Object.keys(telemetrySchema.properties).filter((name) => name !== 'DATA_DIR')
  assert.match(read('deploy/Dockerfile'), /^ENV .*\bTELEMETRY_URL=none:/m)
  for (const text of [read('compose.yaml'), beanstalkCompose('quintet:1', false)]) {
    const { services }: Compose = parse(text, { merge: true })
    for (const name of serviceNames) {
      const { environment } = services[name] ?? { environment: {} }
      for (const setting of settings) assert.ok(setting in environment, `${name} does not get ${setting}.`)
      // A name without a value would take from the container what the image has.
      assert.equal(environment.TELEMETRY_URL, `\${TELEMETRY_URL:-none:}`)
    }
  }
  for (const file of ['ecs', 'beanstalk'])
    for (const setting of ['OTLP_URL', 'OTLP_HEADERS'])
      assert.match(read(`deploy/aws/${file}.yaml`), new RegExp(`\\b${setting},`), file)
})

/** Made by Prometheus itself. */
const ofPrometheus = ['up', 'ALERTS']

/** The names of samples of the metrics in the table, which is held to what the services export. */
function documentedMetrics(): string[] {
  const [, section = ''] = read('docs/operating.md').split('\n### Metrics\n')
  const [table = ''] = section.split(/\n#{2,4} /)
  const rows = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| (\w+) \|/gm)]
  assert.ok(rows.length > 30)
  return rows.flatMap(([, names = '', kind = '']) =>
    [...names.matchAll(/`(\w+)`/g)].flatMap(([, name = '']) =>
      kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  )
}
