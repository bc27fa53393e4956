import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import type { PrivateEngine } from '@quintet/backends'
import { openCache } from '@quintet/chassis/cache'
import type { Cache, Entry, Load } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import type { Deadline } from '@quintet/chassis/clock'
import { engineUrl } from '@quintet/chassis/testing'
import { createMemoryArbiter } from '../../chassis/test/memory-arbiter.ts'
import { createClient } from '@redis/client'

/** Three replicas with one store and one Redis, which is flushed, killed, suspended and disconnected. */

const replicasCount = 3
const clientsCount = 24
const keys = Array.from({ length: 12 }, (_, i) => `k${i}`)
const writesShare = 0.25
/** Shorter than in use, so that the cache comes back between two faults. */
const times = { pollMs: 50, readLeaseMs: 300, writeLeaseMs: 600 }

if (engineUrl('redis') !== undefined) {
  test('No read is older than what was acknowledged before it began, whatever happens to Redis meanwhile', async (t) => {
    const engine = await startEngine(t)
    const arbiter = createMemoryArbiter()
    const open = async () =>
      openCache(engine.url, { clock: systemClock, namespace: 'history', arbiter, times })
    const caches = await Promise.all(Array.from({ length: replicasCount }, open))
    t.after(() => Promise.all(caches.map((cache) => cache.close())))
    const { history, refused } = await runLoad(caches, createStore(), () => disturb(engine))
    assert.deepEqual(violations(history), [])
    const hits = caches.reduce((sum, cache) => sum + cache.stats().reads.hit, 0)
    assert.ok(hits > 1_000, `${hits} hits of ${history.length} operations`)
    assert.ok(refused > 0, 'writes are refused while Redis is unavailable')
  })

  test('The same load over a cache that is written after the database is found to return stale reads', async (t) => {
    const engine = await startEngine(t)
    const naive = await Promise.all(
      Array.from({ length: replicasCount }, () => createNaiveCache(t, engine.url)),
    )
    const { history } = await runLoad(naive, createStore(), () => pause(3_000))
    assert.ok(violations(history).length > 0)
  })
}

type Operation = {
  readonly key: string
  readonly version: number
  readonly from: number
  readonly to: number
}
type TestedCache = Pick<Cache, 'read' | 'write'>

/** A slow store whose versions count the writes to a key, and which rejects a write after its deadline. */
function createStore() {
  const versions = new Map<string, number>()
  const delay = () => pause(Math.random() < 0.05 ? 20 * Math.random() : 2 * Math.random())
  const entryOf = (version: number): Entry => ({
    version,
    expiresAtMs: Number.POSITIVE_INFINITY,
    text: `${version}`,
  })
  return {
    load:
      (key: string): Load =>
      async () => {
        await delay()
        const version = versions.get(key) ?? 0
        await delay()
        return entryOf(version)
      },
    change:
      (key: string) =>
      async ({ before = Number.POSITIVE_INFINITY }: Deadline): Promise<number> => {
        await delay()
        if (performance.now() >= before) throw new Error('too late')
        const version = (versions.get(key) ?? 0) + 1
        versions.set(key, version)
        await delay()
        return version
      },
    entryOf,
  }
}

async function runLoad(
  caches: readonly TestedCache[],
  { load, change, entryOf }: ReturnType<typeof createStore>,
  whileItRuns: () => Promise<void>,
): Promise<{ history: Operation[]; refused: number }> {
  const history: Operation[] = []
  let refused = 0
  let stopped = false
  const client = async (cache: TestedCache) => {
    while (!stopped) {
      const key = keys[Math.floor(Math.random() ** 2 * keys.length)] ?? 'k0'
      const from = performance.now()
      try {
        const version =
          Math.random() < writesShare
            ? await cache.write([key], change(key), (done) => entryOf(done))
            : Number((await cache.read(key, load(key)))?.version)
        history.push({ key, version, from, to: performance.now() })
      } catch {
        refused += 1
        await pause(5)
      }
    }
  }
  const clients = Array.from({ length: clientsCount }, (_, i) =>
    client(caches[i % caches.length] ?? assert.fail()),
  )
  await whileItRuns()
  stopped = true
  await Promise.all(clients)
  return { history, refused }
}

/**
 * Linearizability of a register whose versions only increase: no operation returns a version below the greatest one that
 * was read or written by an operation which ended before it began.
 */
function violations(history: readonly Operation[]): string[] {
  const found: string[] = []
  for (const [key, operations] of Map.groupBy(history, (operation) => operation.key)) {
    const byEnd = operations.toSorted((a, b) => a.to - b.to)
    let ended = 0
    let greatest = 0
    for (const operation of operations.toSorted((a, b) => a.from - b.from)) {
      for (let next = byEnd[ended]; next !== undefined && next.to < operation.from; next = byEnd[++ended])
        greatest = Math.max(greatest, next.version)
      if (operation.version < greatest) found.push(`${key}: ${operation.version} after ${greatest}`)
    }
  }
  return found
}

/** Each fault, and the time until the cache is used again. */
async function disturb(engine: PrivateEngine): Promise<void> {
  const settle = () => pause(1_800)
  await settle()
  await withAdmin(engine.url, (admin) => admin.flushAll())
  await settle()
  await engine.kill()
  await pause(300)
  await engine.restart()
  await settle()
  for (const ms of [30, 300, 1_200]) {
    engine.pause()
    await pause(ms)
    engine.resume()
    await settle()
  }
  for (let i = 0; i < 5; i++) {
    await withAdmin(engine.url, (admin) =>
      admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']),
    )
    await pause(100)
  }
  await settle()
}

async function withAdmin(url: string, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = createAdmin(url)
  await admin.connect()
  await work(admin)
  admin.destroy()
}

type Admin = ReturnType<typeof createAdmin>

function createAdmin(url: string) {
  const admin = createClient({ url })
  admin.on('error', () => {})
  return admin
}

async function createNaiveCache(t: TestContext, url: string): Promise<TestedCache> {
  const redis = createAdmin(url)
  await redis.connect()
  t.after(() => redis.destroy())
  return {
    async read(key, load) {
      const text = await redis.get(key)
      if (text !== null) return { version: Number(text), expiresAtMs: Number.POSITIVE_INFINITY, text }
      const entry = await load()
      if (entry !== undefined) await redis.set(key, entry.text)
      return entry
    },
    async write(names, change) {
      const result = await change({})
      await redis.del([...names])
      return result
    },
  }
}

async function startEngine(t: TestContext): Promise<PrivateEngine> {
  const engine = await startPrivateEngine('redis')
  t.after(() => engine.dispose())
  return engine
}
