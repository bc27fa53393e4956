import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import { openCache } from '@quintet/chassis/cache'
import type { Cache, Entry } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { createClient } from '@redis/client'
import { testCache } from './cache-contract.ts'
import type { OpenCache } from './cache-contract.ts'
import { startProxy } from './start-proxy.ts'
import { engineUrl, until } from './testing.ts'

const withinMs = 10_000
const entry = (version: number): Entry => ({
  version,
  expiresAtMs: Number.POSITIVE_INFINITY,
  text: `${version}`,
})
const isDown = (error: unknown) => error instanceof AppError && error.code === 'dependency_down'
const url = engineUrl('redis')
if (url !== undefined) {
  const opened: Cache[] = []
  after(() => Promise.all(opened.map((cache) => cache.close())))
  const open: OpenCache = async (options) => {
    const namespace = `test-${randomBytes(6).toString('hex')}`
    // Nobody else writes under this name, so nothing can be on its way when it is first used.
    const cache = await openCache(url, { ...options, namespace, quarantineMs: 0 })
    opened.push(cache)
    await cache.ping?.()
    return cache
  }
  testCache('redis', open, { hasOwnClock: true })
  testSharedReads(open)
  testFaults()
  testLostData()
}

function testSharedReads(open: OpenCache): void {
  test('redis: concurrent readers of a cold key wait for one of them to load', async (t: TestContext) => {
    const cache = await open({ clock: systemClock })
    let loads = 0
    const load = async () => {
      loads += 1
      await pause(20)
      return entry(1)
    }
    const read = await Promise.all(Array.from({ length: 30 }, () => cache.read('key', load)))
    t.assert.ok(read.every((one) => one?.version === 1))
    t.assert.ok(loads <= 3, `${loads} loads`)
  })

  test('redis: keys read in one turn share one command, and each reader gets its own value', async (t: TestContext) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    const cache = await openCache(engine.url, { clock: systemClock, namespace: 'together', quarantineMs: 0 })
    t.after(() => cache.close())
    const admin = createClient({ url: engine.url })
    admin.on('error', () => {})
    await admin.connect()
    t.after(() => admin.destroy())
    await cache.ping?.()
    const isFilled = async (key: string, value: Entry | undefined) => {
      let loads = 0
      await cache.read(key, async () => {
        loads += 1
        return value
      })
      return loads === 0
    }
    await until(() => isFilled('held', entry(1)), withinMs)
    await until(() => isFilled('absent', undefined), withinMs)
    await admin.configResetStat()
    const failing = () => {
      throw new Error('The load failed.')
    }
    const read = await Promise.allSettled([
      cache.read('held', failing),
      cache.read('absent', failing),
      cache.read('cold', failing),
      cache.read('loaded', async () => entry(2)),
    ])
    t.assert.deepEqual(
      read.map((one) => (one.status === 'fulfilled' ? one.value?.version : one.reason.message)),
      [1, undefined, 'The load failed.', 2],
    )
    t.assert.match(await admin.info('commandstats'), /cmdstat_mget:calls=1,/)
  })
}

function testFaults(): void {
  test('redis: while it is unavailable reads load and writes are refused with nothing changed; both resume when it is back', async (t: TestContext) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    await engine.stop()
    const cache = await openCache(engine.url, { clock: systemClock, namespace: 'away', quarantineMs: 0 })
    t.after(() => cache.close())
    let changes = 0
    const change = async () => ++changes
    t.assert.deepEqual(await cache.read('key', async () => entry(1)), entry(1))
    await t.assert.rejects(
      cache.write(['key'], change, () => undefined),
      isDown,
    )
    await t.assert.rejects(cache.ping?.() ?? Promise.resolve(), isDown)
    t.assert.equal(changes, 0)
    await engine.restart()
    await until(async () => (await cache.write(['key'], change, () => entry(2)).catch(() => 0)) > 0, withinMs)
    t.assert.deepEqual(await cache.read('key', async () => entry(3)), entry(2))
    await cache.ping?.()
  })

  test('redis: one that hangs delays a read for a moment and refuses a write, which never takes effect later', async (t: TestContext) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    const cache = await openCache(engine.url, { clock: systemClock, namespace: 'hangs', quarantineMs: 0 })
    t.after(() => cache.close())
    await cache.ping?.()
    engine.pause()
    const startedAt = performance.now()
    t.assert.deepEqual(await cache.read('key', async () => entry(1)), entry(1))
    t.assert.ok(performance.now() - startedAt < 500)
    let changes = 0
    await t.assert.rejects(
      cache.write(
        ['key'],
        async () => ++changes,
        () => entry(2),
      ),
      isDown,
    )
    t.assert.equal(changes, 0)
    engine.resume()
    await until(
      async () =>
        (await cache
          .write(
            ['key'],
            async () => ++changes,
            () => entry(3),
          )
          .catch(() => 0)) > 0,
      withinMs,
    )
    t.assert.deepEqual(await cache.read('key', async () => entry(4)), entry(3))
  })

  test('redis: a half-open connection is replaced', async (t: TestContext) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    const proxy = await startProxy(t, new URL(engine.url))
    const cache = await openCache(proxy.through(engine.url), {
      clock: systemClock,
      namespace: 'half-open',
      quarantineMs: 0,
    })
    t.after(() => cache.close())
    await cache.ping?.()
    proxy.silence()
    let changes = 0
    const change = async () => ++changes
    await t.assert.rejects(
      cache.write(['key'], change, () => undefined),
      isDown,
    )
    t.assert.deepEqual(await cache.read('key', async () => entry(1)), entry(1))
    await until(async () => (await cache.write(['key'], change, () => entry(2)).catch(() => 0)) > 0, withinMs)
    t.assert.equal(changes, 1)
    t.assert.deepEqual(await cache.read('key', async () => entry(3)), entry(2))
  })
}

function testLostData(): void {
  test('redis: after it was emptied nothing is read from it until earlier writes must have ended', async (t: TestContext) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    const cache = await openCache(engine.url, { clock: systemClock, namespace: 'emptied', quarantineMs: 700 })
    t.after(() => cache.close())
    await cache.ping?.()
    const admin = createClient({ url: engine.url })
    admin.on('error', () => {})
    await admin.connect()
    t.after(() => admin.destroy())
    let loads = 0
    const load = async () => entry(++loads)
    await pause(800)
    await cache.read('key', load)
    await until(async () => (await cache.read('key', load))?.version === loads && loads === 1, withinMs)
    await admin.flushAll()
    // The first look finds out, and those that follow are in quarantine.
    for (let i = 0; i < 3; i++) await cache.read('key', load)
    t.assert.equal(loads, 4)
    await pause(800)
    await cache.read('key', load)
    await cache.read('key', load)
    t.assert.equal(loads, 5)
  })

  test('redis: a marker is never evicted, however short the memory is', async (t: TestContext) => {
    const engine = await startPrivateEngine('redis')
    t.after(() => engine.dispose())
    const admin = createClient({ url: engine.url })
    admin.on('error', () => {})
    await admin.connect()
    t.after(() => admin.destroy())
    const cache = await openCache(engine.url, { clock: systemClock, namespace: 'evicts', quarantineMs: 0 })
    t.after(() => cache.close())
    await cache.ping?.()
    await admin.configSet('maxmemory', '4mb')
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    t.after(() => release())
    const writing = cache.write(
      ['marked'],
      () => held,
      () => undefined,
    )
    const text = 'x'.repeat(1_000)
    for (let i = 0; i < 5_000; i++)
      await cache.read(`k${i}`, async () => ({ version: 1, expiresAtMs: Number.POSITIVE_INFINITY, text }))
    t.assert.ok(Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))?.[1]) > 0)
    t.assert.deepEqual(await cache.read('marked', async () => entry(1)), entry(1))
    t.assert.deepEqual(await cache.read('marked', async () => entry(2)), entry(2))
    release()
    await writing
  })

  test('redis: it needs a namespace, and its password is in no error message', async (t: TestContext) => {
    await t.assert.rejects(openCache('redis://127.0.0.1:1', { clock: systemClock }), /namespace/)
    const cache = await openCache('redis://user:secret@127.0.0.1:1', { clock: systemClock, namespace: 'x' })
    t.after(() => cache.close())
    const error = await cache.ping?.().catch((fault: unknown) => fault)
    t.assert.ok(isDown(error))
    t.assert.doesNotMatch(error instanceof Error ? `${error.stack}${error.cause}` : '', /secret/)
  })
}
