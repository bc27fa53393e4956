import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startPrivateEngine } from '@quintet/backends'
import type { EngineName, PrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { topology } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import pg from 'pg'
import { call, dataFolder, root, run } from './processes.ts'

/** The services in one process, on a private PostgreSQL, Redis and RabbitMQ that are stopped and killed. */

const timeoutMs = 40_000
const names = ['postgres', 'redis', 'amqp'] as const
const areAvailable = names.map((name) => engineUrl(name) !== undefined).every(Boolean)

if (areAvailable) {
  test('Started before its engines the system reports what is missing, and works once they are available', async (t) => {
    const { engines, settings } = await startEngines(t)
    await migrate(settings)
    for (const name of names) await engines[name].stop()
    const quintet = run(t, ['quintet.ts', 'start'], settings)
    const [guid, billing] = [await quintet.address('guid'), await quintet.address('billing')]
    const unready = await call('GET', `${guid}/health/ready`)
    assert.equal(unready?.status, 503)
    assert.match(JSON.stringify(unready?.body), /The database does not respond.*The cache does not respond/s)
    assert.equal(unready?.headers.get('retry-after'), '1')
    assert.match(
      JSON.stringify((await call('GET', `${billing}/health/ready`))?.body),
      /message broker does not respond/,
    )
    assert.equal((await call('POST', `${guid}/guid`, { user: 'ada' }))?.status, 503)
    for (const name of names.toReversed()) await engines[name].restart()
    await until(async () => (await call('GET', `${guid}/health/ready`))?.status === 200, timeoutMs)
    await until(async () => (await call('GET', `${billing}/health/ready`))?.status === 200, timeoutMs)
    assert.equal((await call('POST', `${guid}/guid`, { user: 'ada' }))?.status, 201)
  })

  test('Before the tables exist readiness names what is missing, and the tables have the documented names', async (t) => {
    const { engines, settings } = await startEngines(t, ['postgres'])
    const early = run(t, ['quintet.ts', 'start', 'inventory'], settings)
    const waiting = await early.address('inventory')
    assert.match(
      JSON.stringify((await call('GET', `${waiting}/health/ready`))?.body),
      /run quintet migrate up/,
    )
    await migrate(settings)
    await until(async () => (await call('GET', `${waiting}/health/ready`))?.status === 200, timeoutMs)
    const movie = { title: 'Metropolis', description: 'A city.' }
    assert.equal((await call('POST', `${waiting}/api/movies`, movie))?.status, 201)
    const client = new pg.Client(
      Object.assign(new URL(engines.postgres.url), { pathname: '/movies_db' }).href,
    )
    await client.connect()
    const { rows } = await client.query('table movies')
    await client.end()
    assert.deepEqual(
      rows.map(({ title, description }) => ({ title, description })),
      [movie],
    )
  })

  test('Each engine killed and restarted under load: acknowledged writes are stored once, and no service needs a restart', async (t) => {
    const { engines, settings } = await startEngines(t)
    await migrate(settings)
    const quintet = run(t, ['quintet.ts', 'start'], { ...settings, LOG_LEVEL: 'silent' })
    const [gateway, billing] = [await quintet.address('gateway'), await quintet.address('billing')]
    await until(async () => (await call('GET', `${billing}/health/ready`))?.status === 200, timeoutMs)
    const created: { path: string; user: string }[] = []
    const posted: number[] = []
    let number = 0
    let stopped = false
    const client = async () => {
      while (!stopped) {
        const n = ++number
        const user = `user-${n}`
        const guid = await call('POST', `${gateway}/guid`, { user }, { 'idempotency-key': `g${n}` })
        if (guid?.status === 201) created.push({ path: `/guid/${Object(guid.body).guid}`, user })
        const order = { user_id: '3', number_of_items: '5', total_amount: `${n}` }
        if ((await call('POST', `${gateway}/api/billing`, order))?.status === 200) posted.push(n)
        if (guid?.status !== 201) await pause(20)
      }
    }
    const clients = Array.from({ length: 12 }, client)
    for (const name of names) {
      await waitForGrowth(created, posted)
      await engines[name].kill()
      await pause(700)
      await engines[name].restart()
    }
    await waitForGrowth(created, posted)
    stopped = true
    await Promise.all(clients)
    for (const { path, user } of created)
      assert.equal(Object((await call('GET', `${gateway}${path}`))?.body).user, user)
    const amounts = await arrivedAmounts(engines.postgres, posted.length)
    assert.deepEqual(
      posted.filter((n) => !amounts.includes(n)),
      [],
      'posted and never stored',
    )
    assert.deepEqual(amounts, [...new Set(amounts)], 'stored twice')
  })
}

type Engines = { readonly [Name in (typeof names)[number]]: PrivateEngine }

async function startEngines(t: TestContext, wanted: readonly EngineName[] = names) {
  const started = await Promise.all(
    names.map(async (name) => {
      if (!wanted.includes(name)) return [name, undefined] as const
      const engine = await startPrivateEngine(name)
      t.after(() => engine.dispose())
      return [name, engine] as const
    }),
  )
  const engines = Object.fromEntries(started.filter(([, engine]) => engine !== undefined)) as Engines
  const settings = {
    DATA_DIR: dataFolder(t),
    ...databaseUrls(engines.postgres),
    CERTIFICATES_KEY: '0'.repeat(64),
    ...(engines.redis && { CACHE_URL: engines.redis.url }),
    ...(engines.amqp && { QUEUE_URL: engines.amqp.url }),
  }
  return { engines, settings }
}

/** The setting of each database that can be on PostgreSQL. */
function databaseUrls({ url }: PrivateEngine): Record<string, string> {
  const entries: readonly ServiceEntry[] = Object.values(topology)
  return Object.fromEntries(
    entries.flatMap(({ storage, engines, databaseName }) =>
      storage.database !== undefined && engines.includes('postgres')
        ? [[storage.database, Object.assign(new URL(url), { pathname: `/${databaseName}` }).href]]
        : [],
    ),
  )
}

async function migrate(settings: Record<string, string>): Promise<void> {
  const env = { PATH: process.env.PATH, ...settings }
  await promisify(execFile)(process.execPath, ['quintet.ts', 'migrate', 'up'], { cwd: root, env })
}

/** Waits until each of these lists has grown. */
async function waitForGrowth(...lists: readonly (readonly unknown[])[]): Promise<void> {
  const before = lists.map(({ length }) => length)
  await until(async () => lists.every(({ length }, i) => length > (before[i] ?? 0) + 30), timeoutMs)
}

async function arrivedAmounts(postgres: PrivateEngine, count: number): Promise<number[]> {
  const client = new pg.Client(Object.assign(new URL(postgres.url), { pathname: '/orders_db' }).href)
  await client.connect()
  const amounts = async () => {
    const { rows } = await client.query<{ total_amount: string }>('select total_amount from orders')
    return rows.map(({ total_amount }) => Number(total_amount))
  }
  try {
    await until(async () => (await amounts()).length >= count, timeoutMs)
    return await amounts()
  } finally {
    await client.end()
  }
}
