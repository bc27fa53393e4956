import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { missingPackages, skipReason } from '@quintet/backends'
import type { EngineName } from '@quintet/backends'
import { serviceNames } from '@quintet/contracts/topology'
import { parse } from 'yaml'
import { eventually, receiver, startMonitoring } from './monitoring.ts'
import type { Sample } from './monitoring.ts'
import { metricsOf } from './promql.ts'
import { call, dataFolder, root, run } from './system/processes.ts'

/** What operators load into their own monitoring, run by Prometheus and Alertmanager. */

const folder = join(root, 'deploy/observability')
const execute = promisify(execFile)

/** Their own programs are run, also where containers are up. */
function reasonToSkip(name: EngineName): string | false {
  const [missing] = missingPackages(name)
  return skipReason(name) || (missing !== undefined && `${missing} is not installed`)
}
const withoutPrometheus = { skip: reasonToSkip('prometheus') }
const withoutAlertmanager = { skip: reasonToSkip('alertmanager') }
const withoutOneOfThem = { skip: withoutPrometheus.skip || withoutAlertmanager.skip }

test('Prometheus accepts its configuration, its targets and its rules', withoutPrometheus, async () => {
  const { stdout } = await execute('promtool', ['check', 'config', join(folder, 'prometheus.yml')])
  assert.match(stdout, /SUCCESS: \d+ rules found/)
})

for (const file of ['rules.test.yml', 'budgets.test.yml'])
  test(
    `Each alert of ${file} fires on its case and is silent on its near miss`,
    withoutPrometheus,
    async () => {
      await execute('promtool', ['test', 'rules', join(folder, file)])
    },
  )

test(
  'Alertmanager accepts its configuration, and sends pages and tickets to their receivers',
  withoutAlertmanager,
  async () => {
    const file = join(folder, 'alertmanager.yml')
    await execute('amtool', ['check-config', file])
    for (const severity of ['page', 'ticket']) {
      const words = ['config', 'routes', 'test', `--config.file=${file}`, `severity=${severity}`]
      assert.equal((await execute('amtool', words)).stdout.trim(), severity)
    }
  },
)

test(
  'Prometheus scrapes the running system: each service under its name, and each expression of a rule or a panel has a result',
  withoutOneOfThem,
  async (t) => {
    const { addresses } = await startSystem(t)
    const { url } = await receiver(t)
    const { api, query } = await startMonitoring(t, addresses, url)
    await eventually(async () => (await query('up == 1')).length === serviceNames.length)
    // Before and after, since a rate needs two samples. Dependencies are probed every 5 s.
    for (let round = 0; round < 4; round += 1) {
      await use(addresses.gateway ?? '')
      await pause(2_000)
    }

    const { activeTargets } = await api<{ activeTargets: { health: string; labels: Sample['metric'] }[] }>(
      'targets',
    )
    assert.deepEqual(
      activeTargets.map(({ health, labels }) => `${labels.service} ${health}`).sort(),
      [...serviceNames].map((name) => `${name} up`).sort(),
    )
    const labels = await api<string[]>('labels')
    assert.deepEqual(
      labels.filter((label) => label.startsWith('exported_')),
      [],
    )

    await t.test('Requests of which traces are kept are stored as exemplars', async () => {
      const now = Date.now() / 1_000
      const stored = await api<
        { seriesLabels: Sample['metric']; exemplars: { labels: Sample['metric'] }[] }[]
      >('query_exemplars', {
        query: 'http_server_request_duration_seconds_bucket',
        start: String(now - 600),
        end: String(now + 60),
      })
      const names = new Set(stored.map(({ seriesLabels }) => seriesLabels.service))
      assert.ok(names.has('guid') && names.has('gateway'), [...names].join())
      for (const { labels: found } of stored.flatMap(({ exemplars }) => exemplars))
        assert.match(found.trace_id ?? '', /^[0-9a-f]{32}$/)
    })

    await t.test('Each metric of an alert is there, but for those that this system cannot have', async () => {
      const empty = new Set<string>()
      for (const { alert, expr } of alertsAndRules()) {
        await query(expr)
        if (alert === undefined) assert.notEqual((await query(expr)).length, 0, expr)
        for (const metric of metricsOf(expr)) if ((await query(metric)).length === 0) empty.add(metric)
      }
      assert.deepEqual([...empty].sort(), Object.keys(metricsNotHere).sort())
    })

    await t.test('Each panel has a result, but for those of what has not happened', async () => {
      const empty = new Set<string>()
      for (const { title, expr } of panels()) {
        const concrete = expr.replaceAll('$service', '.*').replaceAll('$__rate_interval', '1m')
        if ((await query(concrete)).length === 0) empty.add(title)
      }
      assert.deepEqual([...empty].sort(), Object.keys(panelsWithoutResult).sort())
    })

    await t.test('No rule fails', async () => {
      const { groups } = await api<{ groups: { rules: { name: string; health: string }[] }[] }>('rules')
      const rules = groups.flatMap((group) => group.rules)
      assert.deepEqual(
        rules.filter(({ health }) => health !== 'ok'),
        [],
      )
      assert.equal(rules.length, alertsAndRules().length)
    })
  },
)

/** Metrics of alerts that a system on embedded storage without TLS and an issuer does not have, and why. */
const metricsNotHere = {
  quintet_cache_mode: 'only of a cache on a server',
  quintet_cache_settlements_total: 'only of a cache on a server',
  quintet_auth_keys_age_seconds: 'only with an issuer of tokens',
  quintet_tls_certificate_end_timestamp_seconds: 'only with TLS',
}

/** Panels that are empty in a system in which nothing fails, and why. */
const panelsWithoutResult = {
  'Failed attempts to handle a message': 'errors have no count before the first of a kind',
  'Firing alerts': 'nothing fires',
  'Messages that could not be published': 'errors have no count before the first of a kind',
}

test('A service that is killed becomes a call of the webhook for pages', withoutOneOfThem, async (t) => {
  const { addresses, billing } = await startSystem(t)
  const { url, received } = await receiver(t)
  const { query } = await startMonitoring(t, addresses, url)
  await eventually(async () => (await query('up == 1')).length === serviceNames.length)
  await billing.kill('SIGKILL')
  // A busy machine may be late with others.
  const ofBilling = () =>
    received.map((one) => Object(one)).find(({ commonLabels }) => commonLabels.service === 'billing')
  await eventually(async () => ofBilling() !== undefined, 'a call of the webhook')
  const { receiver: name, alerts, commonLabels, commonAnnotations } = ofBilling()
  assert.deepEqual([name, alerts.length, commonLabels.alertname], ['page', 1, 'ServiceDown'])
  assert.match(commonAnnotations.summary, /^billing does not respond at 127\.0\.0\.1:\d+$/)
  assert.equal(commonAnnotations.runbook, 'docs/alerts.md#servicedown')
})

/** All services on embedded storage: billing in a process of its own, the others in another. */
async function startSystem(t: TestContext) {
  const DATA_DIR = dataFolder(t)
  const environment = {
    DATA_DIR,
    LOG_LEVEL: 'warn',
    RATE_LIMIT: 'on',
    RATE_LIMIT_POLICIES: '"client";q=100000;w=60;by="address"',
    AUDIT_LOG: join(DATA_DIR, 'audit.log'),
  }
  const billing = run(t, ['services/billing/src/main.ts'], environment)
  const BILLING_URL = await billing.address('billing')
  const others = serviceNames.filter((name) => name !== 'billing')
  const system = run(t, ['quintet.ts', 'start', ...others], { ...environment, BILLING_URL })
  const entries = others.map(async (name) => [name, await system.address(name)] as const)
  const addresses: Record<string, string> = Object.fromEntries(await Promise.all(entries))
  addresses.billing = BILLING_URL
  return { addresses, billing }
}

/** Requests of every kind that a chart is of. */
async function use(gateway: string): Promise<void> {
  const requests: readonly (readonly [string, string, unknown?, Record<string, string>?])[] = [
    ['POST', '/guid', { user: 'ada' }],
    ['POST', '/guid', { user: 'eve' }, { prefer: 'respond-async' }],
    ['GET', '/guids'],
    ['GET', '/guid/00000000000000000000000000000000'],
    ['POST', '/accounts', { cash: 1000 }],
    ['GET', '/accounts/1'],
    ['POST', '/api/movies', { title: 'Metropolis', description: 'A city in two halves.' }],
    ['GET', '/api/movies/1'],
    ['GET', '/api/movies/1'],
    ['POST', '/users', { name: 'Ada', email: `${Math.random()}@example.com`, password: 'correct horse' }],
    ['POST', '/users/1/certificates', { private_key: 'c2VjcmV0', active: true, body: 'a certificate' }],
    ['POST', '/api/billing', { user_id: '3', number_of_items: '5', total_amount: '180' }],
    ['GET', '/api/orders'],
  ]
  for (const [method, path, body, headers] of requests) {
    const response = await call(method, gateway + path, body, headers)
    assert.ok(response !== undefined && response.status < 500, `${method} ${path}: ${response?.status}`)
  }
}

function alertsAndRules(): { readonly alert?: string; readonly expr: string }[] {
  type Rules = { groups: { rules: { alert?: string; expr: string }[] }[] }
  const { groups }: Rules = parse(readFileSync(join(folder, 'rules.yml'), 'utf8'))
  return groups.flatMap(({ rules }) => rules)
}

function panels(): { readonly title: string; readonly expr: string }[] {
  type Dashboard = { panels: { title: string; targets?: { expr: string }[] }[] }
  return globSync(`${folder}/grafana/dashboards/*.json`).flatMap((file) => {
    const dashboard: Dashboard = JSON.parse(readFileSync(file, 'utf8'))
    return dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
  })
}
