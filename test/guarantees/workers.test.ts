import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { until } from '@quintet/chassis/testing'
import { dataFolder, root, run } from '../system/processes.ts'

/** Several workers on one machine, started by `--workers`. */

const start = ['quintet.ts', 'start']
const two = ['--workers', '2']

test('A read returns what was written just before, whichever worker each of them reaches', async (t) => {
  const system = run(t, [...start, 'guid', ...two], { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn' })
  const guid = await system.address('guid')
  const { guid: name } = JSON.parse((await send('POST', `${guid}/guid`, { user: 'start' })).body)
  for (let round = 0; round < 100; round++) {
    const user = `round-${round}`
    assert.equal((await send('PATCH', `${guid}/guid/${name}`, { user })).status, 200)
    const reads = await Promise.all([1, 2].map(() => send('GET', `${guid}/guid/${name}`)))
    for (const { body } of reads) assert.equal(JSON.parse(body).user, user)
  }
})

test('A scrape of one worker has the metrics of all, and their sum is the number of requests', async (t) => {
  const system = run(t, [...start, 'inventory', ...two], { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn' })
  const inventory = await system.address('inventory')
  for (let i = 0; i < 20; i++) await send('GET', `${inventory}/api/movies`)
  for (let scrape = 0; scrape < 4; scrape++) {
    const { body } = await send('GET', `${inventory}/metrics`)
    const count =
      /^http_server_request_duration_seconds_count\{[^}]*http_route="\/api\/movies"[^}]*\} (.*)$/gm
    const counts = [...body.matchAll(count)].map(([, value]) => Number(value))
    assert.equal(
      counts.reduce((sum, value) => sum + value),
      20,
    )
    assert.equal(await servingWorkers(`${inventory}/metrics`), 2)
  }
})

test('Workers share one port for operations, and a scrape of it has the metrics of all', async (t) => {
  const system = run(t, [...start, 'inventory', ...two], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
    OPERATIONS_PORT: '0',
  })
  const operations = await system.address('operations')
  for (let scrape = 0; scrape < 4; scrape++)
    for (const path of ['/metrics', '/metrics/inventory'])
      assert.equal(await servingWorkers(operations + path), 2)
})

test('kill -9 of a worker under load loses nothing that was acknowledged, and another takes its place', async (t) => {
  const system = run(t, [...start, 'gateway', 'inventory', 'billing', ...two], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
  })
  const gateway = await system.address('gateway')
  const titles: string[] = []
  let isLoaded = true
  t.after(() => {
    isLoaded = false
  })
  const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
  let orders = 0
  const replacements = () => system.output().match(/a worker has ended, and is replaced/g)?.length ?? 0
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; isLoaded; i++) {
      const title = `${client}-${i}`
      const movie = await send('POST', `${gateway}/api/movies`, { title, description: '' }).catch(
        () => undefined,
      )
      if (movie?.status === 201) titles.push(title)
      const posted = await send('POST', `${gateway}/api/billing`, order).catch(() => undefined)
      if (posted?.status === 200) orders += 1
    }
  })
  for (const kills of [1, 2]) {
    const before = titles.length
    await until(() => titles.length > before + 20)
    const [victim = 0] = workersOf(system.child.pid)
    process.kill(victim, 'SIGKILL')
    await until(() => replacements() === kills)
    await until(async () => (await servingWorkers(`${gateway}/metrics`)) === 2)
  }
  isLoaded = false
  await Promise.all(clients)
  const stored = await readAll(`${gateway}/api/movies?limit=1000`, gateway)
  const storedTitles = new Set(stored.map(({ title }) => title))
  assert.deepEqual(
    titles.filter((title) => !storedTitles.has(title)),
    [],
  )
  await until(async () => (await readAll(`${gateway}/api/orders?limit=1000`, gateway)).length >= orders)
  assert.equal(await system.kill('SIGTERM'), 0)
})

test('Settings that are wrong, and what prevents the first worker from starting, are reported once, and end the start', async (t) => {
  for (const [settings, sentence] of [
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be/gm],
    [{ WORKERS: '65' }, /^WORKERS must be an integer from 1 to 64/gm],
    [{ CERTIFICATES_KEY_FILE: '/nowhere/key' }, /\/nowhere\/key/g],
  ] as const) {
    const words = 'WORKERS' in settings ? start : [...start, ...two]
    const system = run(t, words, { DATA_DIR: dataFolder(t), ...settings })
    await assert.rejects(system.address('gateway'))
    assert.equal(system.child.exitCode, 1)
    assert.equal(system.output().match(sentence)?.length, 1, system.output())
  }
})

test('--workers that is no number of processes is refused with the usage', async (t) => {
  const system = run(t, [...start, '--workers', 'all'], { DATA_DIR: dataFolder(t) })
  await assert.rejects(system.address('gateway'))
  assert.match(system.output(), /^--workers must be a whole number from 1 to 64\.$/m)
})

test('A signal to the primary, or to it and all workers, ends all of them with code 0', async (t) => {
  for (const toGroup of [false, true]) {
    // Run by a shell, it has a process group of its own, as in a terminal.
    const words = ['-c', `exec "${process.execPath}" quintet.ts start inventory --workers 2`]
    const system = run(t, words, { DATA_DIR: dataFolder(t) }, root, 'sh')
    const address = await system.address('inventory')
    const workers = workersOf(system.child.pid)
    if (toGroup) process.kill(-(system.child.pid ?? 0), 'SIGINT')
    assert.equal(await system.kill(toGroup ? 'SIGCONT' : 'SIGTERM'), 0)
    for (const worker of workers) assert.throws(() => process.kill(worker, 0))
    await assert.rejects(send('GET', `${address}/health/live`))
  }
})

/** Sends a request on a connection of its own, so that workers get them in turn. */
async function send(
  method: string,
  url: string,
  body?: object,
): Promise<{ status: number; body: string; link: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options: RequestOptions = { method, agent: new Agent({ keepAlive: false }) }
  const headers = { ...(body && { 'content-type': 'application/json' }) }
  request(url, { ...options, headers }, resolve)
    .on('error', reject)
    .end(body && JSON.stringify(body))
  const response = await promise
  const { statusCode: status = 0, headers: fields } = response
  return { status, body: await text(response), link: String(fields.link) }
}

async function readAll(url: string, origin: string): Promise<{ title?: string }[]> {
  const all: { title?: string }[] = []
  for (let next: string | undefined = url; next !== undefined; ) {
    const { body, link }: { body: string; link: string } = await send('GET', next)
    all.push(...JSON.parse(body))
    const target = /^<([^>]+)>; rel="next"$/.exec(link)?.[1]
    next = target === undefined ? undefined : new URL(target, origin).href
  }
  return all
}

async function servingWorkers(metrics: string): Promise<number> {
  const { body } = await send('GET', metrics)
  return new Set(
    [...body.matchAll(/^quintet_shed_requests_total\{.*worker="(\d)"/gm)].map(([, worker]) => worker),
  ).size
}

/** The processes that this one has started. */
function workersOf(primary = 0): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'ppid=,pid='], { encoding: 'utf8' })
  const processes = stdout.split('\n').map((line) => line.trim().split(/ +/).map(Number))
  return processes.flatMap(([parent, pid = 0]) => (parent === primary ? [pid] : []))
}
