import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp, listen } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { openQueue } from '@quintet/chassis/queue'
import { createLogger, createMetrics, openMetricsOf } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { serviceNames, topology, urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { Value } from 'typebox/value'
import { storageOf } from '../../cli/services.ts'
import { openInMemory } from '../../clients/openapi.ts'
import { createFigures, kept } from '../../console/src/figures.ts'
import { addMap } from '../../console/src/map.ts'
import type { Broker } from '../../console/src/parts.ts'
import { createQueueLook } from '../../console/src/queue-look.ts'
import { createScraper } from '../../console/src/scraper.ts'
import { send } from '../../console/src/send.ts'
import { parseSeries, readSamples } from '../../console/src/scraping/metrics-text.ts'
import { SystemMap } from '../../console/src/wire/index.ts'
import { services } from '../../topology.ts'
import type { Service } from '../../topology.ts'

const logger = createLogger({ service: 'test', level: 'silent' })
const begin = Date.UTC(2026, 0, 1)

/** The whole system on embedded storage, with its map. */
async function world(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-map-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const apps = new Map<ServiceName, App>()
  const metrics = new Map(serviceNames.map((name) => [name, createMetrics()]))
  const urls = new Map<ServiceName, string>()
  let settings = settingsOf({ DATA_DIR: folder, TELEMETRY_URL: 'none:', LOG_LEVEL: 'fatal' })
  for (const name of serviceNames) {
    const app = await services[name].createApp(settings, {
      logger,
      metrics: metrics.get(name) ?? createMetrics(),
    })
    t.after(() => app.close())
    apps.set(name, app)
    urls.set(name, await listen(app, { host: '127.0.0.1', port: 0 }))
    settings = new Map([...settings, ...settingsOf({ [urlSetting(name)]: urls.get(name) ?? '' })])
  }
  const brokers = await openBrokers(t, settings)
  const stopped = new Set<ServiceName>()
  const textOf = async (name: ServiceName) => (await metrics.get(name)?.text()) ?? ''
  const observed = serviceNames.map((name) => ({
    ...{ name, send, title: topology[name].title },
    url: () => urls.get(name) ?? '',
    metricsUrl: () => `${urls.get(name)}/metrics`,
    // As new as each scrape, while what a service responds with may be a moment old.
    metricsText: () => textOf(name),
    storage: () => storageOf(name, settings),
    control: {
      state: () => (stopped.has(name) ? ('stopped' as const) : ('up' as const)),
      ...{ since: () => begin, start: async () => {}, stop: async () => {} },
    },
  }))
  async function stateOf(name: ServiceName) {
    if (stopped.has(name)) return { state: 'stopped' as const, fault: '', dependencies: {} }
    const { status, dependencies = {} } = (await apps.get(name)?.observed.readiness()) ?? {
      status: 'closing',
    }
    const state = status === 'ready' ? ('up' as const) : status
    return { state, fault: state === 'up' ? '' : Object.values(dependencies).join(' '), dependencies }
  }

  const clock = createManualClock(begin)
  const history = { addEvent: async () => {} }
  const lookAtQueues = createQueueLook({ brokers: async () => brokers, logger })
  const parts = { services: observed, clock, logger, history, stateOf, lookAtQueues }
  const scraper = createScraper({ ...parts, kept, keep: async () => {} })
  const app = await createApp({
    ...{ name: 'console', title: 'Console', description: 'For tests.', logger, checkResponses: true },
  })
  t.after(() => app.close())
  const currentMap = addMap(app, { ...parts, figures: createFigures(observed, scraper) })

  return {
    ...{ folder, app, currentMap, textOf },
    gateway: urls.get('gateway') ?? '',
    async scrapeNext(): Promise<void> {
      clock.advance(10_000)
      await scraper.scrape(clock.now())
    },
    async stop(name: ServiceName): Promise<void> {
      await apps.get(name)?.close()
      stopped.add(name)
    },
    async nodeOf(id: string) {
      const { nodes } = await currentMap()
      const node = nodes.find((one) => one.id === id)
      assert.ok(node, id)
      return node
    },
  }
}

async function openBrokers(t: TestContext, settings: ReturnType<typeof settingsOf>): Promise<Broker[]> {
  const found = serviceNames.flatMap((name) => {
    const { queue }: Service = services[name]
    const { storage }: ServiceEntry = topology[name]
    const place = storageOf(name, settings).find(({ setting }) => setting === storage.queue)
    return queue === undefined || place === undefined ? [] : [{ name, queue, place }]
  })
  const byUrl = [...Map.groupBy(found, ({ place }) => place.url)]
  return Promise.all(
    byUrl.map(async ([url, members]) => {
      const admin = await openQueue(url, { queues: members.map(({ queue }) => queue) })
      t.after(() => admin.close())
      const queues = members.map(({ name, queue }) => ({ name: queue, service: name }))
      return { kind: 'sqlite', url: members[0]?.place.shown ?? '', queues, admin }
    }),
  )
}

async function postOrder(gateway: string): Promise<void> {
  const response = await fetch(`${gateway}/api/billing`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: '3', number_of_items: '5', total_amount: '180' }),
  })
  assert.equal(response.status, 200)
  await response.arrayBuffer()
}

test('The map has every part of the system with its state, and what went between them in the last minute', async (t) => {
  const { app, gateway, scrapeNext, textOf } = await world(t)
  await scrapeNext()
  for (let i = 0; i < 10; i += 1) await (await fetch(`${gateway}/api/movies`)).arrayBuffer()
  await postOrder(gateway)
  await until(async () => /^messaging_process_duration_seconds_count\S+ 1$/m.test(await textOf('billing')))
  await scrapeNext()
  const response = await app.inject('/api/map')
  const map: unknown = response.json()
  assert.ok(Value.Check(SystemMap, map), response.body)

  const idsIn = (column: string) => map.nodes.filter((node) => node.column === column).map(({ id }) => id)
  assert.deepEqual(idsIn('clients'), ['clients'])
  assert.deepEqual(idsIn('gateway'), ['gateway'])
  assert.deepEqual(
    idsIn('services'),
    serviceNames.filter((name) => name !== 'gateway'),
  )
  const queues = Object.values(services).flatMap(({ queue }: Service) => queue ?? [])
  assert.deepEqual(idsIn('queues').sort(), queues.map((name) => `queue ${name}`).sort())
  assert.deepEqual(
    idsIn('storage').filter((id) => id.endsWith(' database')),
    serviceNames.filter((name) => 'database' in topology[name].storage).map((name) => `${name} database`),
  )
  for (const { id, state, fault } of map.nodes)
    assert.deepEqual([id, state, fault], [id, id === 'clients' ? 'unknown' : 'up', ''])

  const figuresOf = (from: string, to: string) =>
    map.edges.find((edge) => edge.from === from && edge.to === to)?.figures
  assert.equal(figuresOf('clients', 'gateway')?.requestsPerSecond, 1.1)
  assert.equal(figuresOf('gateway', 'inventory')?.requestsPerSecond, 1)
  assert.equal(figuresOf('gateway', 'inventory')?.errorShare, 0)
  assert.deepEqual(figuresOf('gateway', 'guid'), { requestsPerSecond: 0, errorShare: null, p95Ms: null })
  assert.equal(map.nodes.find(({ id }) => id === 'guid')?.figures.requestsPerSecond, 0)
  assert.ok(Number(figuresOf('gateway', 'inventory')?.p95Ms) > 0)
  assert.equal(figuresOf('gateway', 'queue billing_queue')?.requestsPerSecond, 0.1)
  assert.equal(figuresOf('queue billing_queue', 'billing')?.errorShare, 0)
  assert.ok(Number(figuresOf('inventory', 'inventory database')?.requestsPerSecond) > 0)
  const ids = new Set(map.nodes.map(({ id }) => id))
  for (const { from, to } of map.edges) assert.ok(ids.has(from) && ids.has(to), `${from} ${to}`)
  assert.equal(new Set(map.edges.map(({ from, to }) => `${from} ${to}`)).size, map.edges.length)
  assert.ok(!ids.has('gateway database'))
})

test('While billing is stopped its orders are seen to wait, and what it said of its database is not known', async (t) => {
  const { gateway, stop, nodeOf, scrapeNext } = await world(t)
  await scrapeNext()
  await stop('billing')
  for (let i = 0; i < 3; i += 1) await postOrder(gateway)
  await scrapeNext()
  const { state, live, dead, figures } = await nodeOf('queue billing_queue')
  assert.deepEqual({ state, live, dead }, { state: 'up', live: 3, dead: 0 })
  assert.equal((await nodeOf('billing')).state, 'stopped')
  assert.deepEqual(figures.p95Ms, null)
  assert.equal((await nodeOf('billing database')).state, 'unknown')
})

test('A broken database is a node with its fault in words, and so is its service', async (t) => {
  const { folder, nodeOf } = await world(t)
  const database = new DatabaseSync(join(folder, 'inventory.db'))
  database.exec('drop table kysely_migration')
  database.close()
  const [store, service] = [await nodeOf('inventory database'), await nodeOf('inventory')]
  assert.equal(store.state, 'down')
  assert.match(store.fault, /^[A-Z].*\.$/)
  assert.equal(service.state, 'not ready')
  assert.equal((await nodeOf('guid database')).state, 'up')
})

test('The text of the metrics of every service is read, the same in both formats', async (t) => {
  for (const name of ['process', ...serviceNames] as const) {
    const metrics = createMetrics({ isOfProcess: name === 'process' })
    if (name !== 'process') {
      const app = await openInMemory(name)
      t.after(() => app.close())
      await app.inject('/health/ready')
      await app.inject('/none')
      await compare(await app.observed.metrics.text(), name)
    } else await compare(await metrics.text(), name)
  }
})

async function compare(text: string, name: string): Promise<void> {
  const read = (formatted: string) => {
    const samples = new Map<string, number>()
    readSamples(
      formatted,
      () => true,
      (series, value) => samples.set(canonical(series), value),
    )
    return samples
  }
  const samples = read(text)
  assert.ok(samples.size > 20, name)
  assert.deepEqual(read(openMetricsOf(text)), samples)
}

/** The two formats write bounds in different ways. */
function canonical(series: string): string {
  const { name, labels } = parseSeries(series)
  return JSON.stringify([
    name,
    ...[...labels].map(([label, value]) => [label, label === 'le' ? Number(value) : value]),
  ])
}
