import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { openCache } from '@quintet/chassis/cache'
import type { Cache, Entry } from '@quintet/chassis/cache'
import { systemClock, withTimeout } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { testCache } from './cache-contract.ts'
import type { OpenCache } from './cache-contract.ts'
import { createMemoryArbiter, testTimes } from './memory-arbiter.ts'
import { adminOf, entry, fill, isDown, isOn, openAlone, startRedis, withinMs } from './redis-world.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, until } from './testing.ts'

const url = engineUrl('redis')
if (url !== undefined) {
  const opened: Cache[] = []
  after(() => Promise.all(opened.map((cache) => cache.close())))
  const open: OpenCache = async (options) => {
    const namespace = `test-${randomBytes(6).toString('hex')}`
    // There are many at the same time, so they read the control row as seldom as in use.
    const cache = await openAlone(url, namespace, { ...options, times: {} })
    opened.push(cache)
    await cache.ping?.()
    return cache
  }
  testCache('redis', open, { hasOwnClock: true, histories: 500 })
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

  test('redis: an entry of an earlier version, which does not say whose it is, is loaded again', async (t: TestContext) => {
    const engine = await startRedis(t)
    const cache = await openAlone(engine.url, 'upgrade')
    t.after(() => cache.close())
    const admin = await adminOf(t, engine.url)
    await cache.ping?.()
    const own = { ...entry(2), owner: 'ada' }
    const read = () => cache.read('key', async () => own)
    const keyOf = async () => (await admin.keys('*:key'))[0]
    await until(async () => (await read()) !== undefined && (await keyOf()) !== undefined, withinMs)
    await admin.set(String(await keyOf()), 'V1||of anybody')
    t.assert.deepEqual(await read(), own)
    await until(async () => (await admin.get(String(await keyOf())))?.startsWith('E2|') === true, withinMs)
    t.assert.deepEqual(await cache.read('key', () => undefined), own)
  })

  test('redis: keys read in one turn share one command, and each reader gets its own value', async (t: TestContext) => {
    const engine = await startRedis(t)
    const cache = await openAlone(engine.url, 'together')
    t.after(() => cache.close())
    const admin = await adminOf(t, engine.url)
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
    const engine = await startRedis(t)
    await engine.stop()
    const cache = await openAlone(engine.url, 'away')
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
    const engine = await startRedis(t)
    const cache = await openAlone(engine.url, 'hangs')
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

  test('redis: a cache closes though responses on its connection never come', async (t: TestContext) => {
    const engine = await startRedis(t)
    const proxy = await startProxy(t, engine.url)
    const cache = await openAlone(proxy.through(engine.url), 'closing')
    await fill(cache, async () => entry(1))
    proxy.lose('responses')
    t.assert.deepEqual(await cache.read('other', async () => entry(2)), entry(2))
    await withTimeout(2_000, cache.close())
  })

  test('redis: a proxy that closes each connection, since its server is away, is connected to a few times a second', async (t: TestContext) => {
    let connections = 0
    const proxy = createServer((socket) => {
      connections += 1
      socket.on('error', () => {}).destroy()
    }).listen(0, '127.0.0.1')
    t.after(() => proxy.close())
    await once(proxy, 'listening')
    const address = proxy.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const cache = await openAlone(`redis://127.0.0.1:${port}`, 'away')
    t.after(() => cache.close())
    await pause(1_000)
    t.assert.ok(connections > 0 && connections < 30, `${connections} connections in a second`)
  })

  test('redis: a half-open connection is replaced', async (t: TestContext) => {
    const engine = await startRedis(t)
    const proxy = await startProxy(t, engine.url)
    const cache = await openAlone(proxy.through(engine.url), 'half-open')
    t.after(() => cache.close())
    await cache.ping?.()
    proxy.lose('responses')
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
  test('redis: after it was emptied nothing is read from it until earlier writes must have ended, and a write waits for a moment', async (t: TestContext) => {
    const engine = await startRedis(t)
    const times = { ...testTimes, readLeaseMs: 200, writeLeaseMs: 500 }
    const cache = await openAlone(engine.url, 'emptied', { times, arbiter: createMemoryArbiter() })
    t.after(() => cache.close())
    await until(isOn(cache), withinMs)
    let loads = 0
    const load = async () => entry(++loads)
    await cache.read('key', load)
    await until(async () => (await cache.read('key', load))?.version === loads && loads === 1, withinMs)
    const admin = await adminOf(t, engine.url)
    await admin.flushAll()
    const emptiedAt = performance.now()
    await cache.write(
      ['other'],
      async () => {},
      () => entry(1),
    )
    t.assert.ok(performance.now() - emptiedAt > times.readLeaseMs)
    for (let reads = 1; !isOn(cache)(); reads++, await pause(10)) {
      await cache.read('key', load)
      t.assert.equal(loads, 1 + reads)
    }
    t.assert.ok(performance.now() - emptiedAt > times.writeLeaseMs)
    const { hit } = cache.stats().reads
    await until(async () => {
      await cache.read('key', load)
      return cache.stats().reads.hit > hit
    }, withinMs)
  })

  test('redis: a marker is never evicted, however short the memory is', async (t: TestContext) => {
    const engine = await startRedis(t)
    const admin = await adminOf(t, engine.url)
    const cache = await openAlone(engine.url, 'evicts')
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
    for (let i = 0; i < 5_000; i++) {
      await cache.read(`k${i}`, async () => ({ version: 1, expiresAtMs: Number.POSITIVE_INFINITY, text }))
      // Reads that go past the cache wait for nothing, and would keep the process from renewing its lease.
      await nextTurn()
    }
    t.assert.ok(Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))?.[1]) > 0)
    t.assert.deepEqual(await cache.read('marked', async () => entry(1)), entry(1))
    t.assert.deepEqual(await cache.read('marked', async () => entry(2)), entry(2))
    release()
    await writing
  })

  test('redis: a write of unknown outcome whose marker has expired keeps its key uncached until the database has settled it', async (t: TestContext) => {
    const engine = await startRedis(t)
    let isSettled = false
    const settle = async () => {
      if (!isSettled) throw new Error('A commit hangs.')
    }
    const cache = await openAlone(engine.url, 'doubt', {
      arbiter: createMemoryArbiter({ settle, skipsWarming: true }),
      times: { ...testTimes, markerMs: 50 },
    })
    t.after(() => cache.close())
    await cache.ping?.()
    const fails = async () => {
      throw new AppError('outcome_unknown', 'There was no response.')
    }
    await t.assert.rejects(cache.write(['key'], fails, () => undefined))
    await pause(100)
    for (let version = 1; version < 5; version++)
      t.assert.deepEqual(await cache.read('key', async () => entry(version)), entry(version))
    // A write that ends well beside it does not remove the marker of the first, nor store its own value.
    await cache.write(
      ['key'],
      async () => {},
      () => entry(5),
    )
    t.assert.deepEqual(await cache.read('key', async () => entry(6)), entry(6))
    t.assert.deepEqual(await cache.read('key', async () => entry(7)), entry(7))
    isSettled = true
    await fill(cache, async () => entry(8))
    t.assert.deepEqual(await cache.read('key', async () => entry(9)), entry(8))
  })

  test('redis: it needs a namespace and an arbiter, and its password is in no error message', async (t: TestContext) => {
    await t.assert.rejects(
      openCache('redis://127.0.0.1:1', { clock: systemClock }),
      /namespace and an arbiter/,
    )
    const cache = await openCache('redis://user:secret@127.0.0.1:1', {
      clock: systemClock,
      namespace: 'x',
      arbiter: createMemoryArbiter(),
    })
    t.after(() => cache.close())
    const error = await cache.ping?.().catch((fault: unknown) => fault)
    t.assert.ok(isDown(error))
    t.assert.doesNotMatch(error instanceof Error ? `${error.stack}${error.cause}` : '', /secret/)
  })
}
