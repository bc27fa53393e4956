import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openCache } from '@quintet/chassis/cache'
import type { CacheOptions, Entry } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { createManualClock } from '@quintet/chassis/testing/clock'
import fc from 'fast-check'
import { freshness, ownActs, testCache } from './cache-contract.ts'
import type { ObservableCache, OpenCache } from './cache-contract.ts'
import { openMemoryCache } from '../src/cache/memory/memory-cache.ts'
import { settableClock } from './settable-clock.ts'

testCache('memory', async (options) => openMemoryCache('memory:?entries=1000', options))

test('the freshness check catches a cache that stores every load and deletes after the write', async (t) => {
  await assertCaught(t, createNaiveCache)
})

test('the freshness check catches a cache that stores nothing but shares loads across writes', async (t) => {
  await assertCaught(t, createDedupingCache)
})

test('memory: writes of other processes to the database never make a read stale', async () => {
  const open: OpenCache = async (options) => openMemoryCache('memory:?entries=1000', options)
  await fc.assert(freshness(open, [...ownActs, 'foreignWrite']))
})

test('memory: a hit is the cached object itself, returned without a promise', async (t) => {
  const { cache } = await createWorld(t)
  const entry = entryOf(1)
  await cache.read('key', async () => entry)
  t.assert.equal(cache.peek('key'), entry)
})

test('memory: a cached absence differs from an empty key', async (t) => {
  const { cache } = await createWorld(t)
  t.assert.equal(cache.peek('key'), undefined)
  await cache.read('key', async () => undefined)
  t.assert.equal(cache.peek('key'), null)
})

test('memory: a load without a promise is cached before anything else can happen', async (t) => {
  const { cache } = await createWorld(t)
  const reading = cache.read('key', () => entryOf(1))
  t.assert.deepEqual(cache.peek('key'), entryOf(1))
  await reading
})

test('memory: a value without expiry is loaded again after 60 s, an absence after 5 s', async (t) => {
  const { cache, clock } = await createWorld(t)
  await cache.read('value', () => entryOf(1))
  await cache.read('absence', () => undefined)
  clock.advance(4_999)
  t.assert.equal(cache.peek('absence'), null)
  clock.advance(1)
  t.assert.equal(cache.peek('absence'), undefined)
  clock.advance(54_999)
  t.assert.deepEqual(cache.peek('value'), entryOf(1))
  clock.advance(1)
  t.assert.equal(cache.peek('value'), undefined)
})

test('memory: an absence is loaded again after its time although the clock of the machine was set back', async (t: TestContext) => {
  const clock = settableClock(t)
  const cache = openMemoryCache('memory:', { clock: systemClock, absentTtlMs: 50 })
  await cache.read('absence', () => undefined)
  clock.setBy(-3_600_000)
  t.assert.strictEqual(cache.peek('absence'), null)
  await pause(60)
  t.assert.strictEqual(cache.peek('absence'), undefined)
})

test('memory: beyond its number of entries the least recently read one is evicted', async (t) => {
  const { cache } = await createWorld(t, 'memory:?entries=3')
  for (const key of ['a', 'b', 'c']) await cache.read(key, () => entryOf(1))
  cache.peek('a')
  await cache.read('d', () => entryOf(1))
  t.assert.deepEqual(
    ['a', 'b', 'c', 'd'].filter((key) => cache.peek(key) !== undefined),
    ['a', 'c', 'd'],
  )
})

test('memory: a flood of unknown keys stays within the number of entries', async (t) => {
  const { cache } = await createWorld(t, 'memory:?entries=10')
  for (let key = 0; key < 1000; key++) await cache.read(String(key), () => undefined)
  t.assert.equal(cache.stats().entries, 10)
})

test('memory: the bytes of keys and texts stay within their bound, at two a character', async (t: TestContext) => {
  const { cache } = await createWorld(t, 'memory:?bytes=20000')
  await cache.read('0', () => entryOf(1, 'x'.repeat(500)))
  t.assert.ok((cache.stats().bytes ?? 0) > 1000)
  for (let key = 1; key < 100; key++) await cache.read(String(key), () => entryOf(1, 'x'.repeat(500)))
  t.assert.ok((cache.stats().bytes ?? 0) <= 20_000)
  t.assert.ok((cache.stats().entries ?? 0) > 10)
})

test('memory: an entry larger than a tenth of the bytes is returned but not cached, and removes its predecessor', async (t) => {
  const { cache } = await createWorld(t, 'memory:?bytes=20000')
  await cache.read('key', () => entryOf(1))
  await cache.write(
    ['key'],
    async () => {},
    () => entryOf(2, 'x'.repeat(1000)),
  )
  t.assert.equal(cache.peek('key'), undefined)
  t.assert.equal((await cache.read('key', () => entryOf(2, 'x'.repeat(1000))))?.version, 2)
  t.assert.equal(cache.stats().entries, 0)
})

test('memory: concurrent readers share the load of an entry that is too large to cache', async (t) => {
  const { cache } = await createWorld(t, 'memory:?bytes=20000')
  let loads = 0
  const load = async () => {
    loads += 1
    return entryOf(1, 'x'.repeat(1000))
  }
  await Promise.all(Array.from({ length: 1000 }, () => cache.read('key', load)))
  t.assert.equal(loads, 1)
  t.assert.deepEqual(cache.stats().reads, { hit: 0, miss: 1, wait: 999, busy: 0, bypass: 0 })
})

test('memory: concurrent readers share the rejection of a load, which releases its lease at once', async (t) => {
  const { cache } = await createWorld(t)
  let loads = 0
  const load = async () => {
    loads += 1
    throw new Error('source is down')
  }
  const readings = Array.from({ length: 10 }, () =>
    t.assert.rejects(async () => cache.read('key', load), /source is down/),
  )
  await Promise.all(readings)
  t.assert.equal(loads, 1)
  const reading = cache.read('key', () => entryOf(1))
  t.assert.deepEqual(cache.peek('key'), entryOf(1))
  await reading
})

test('memory: eviction never takes the marker of a write', async (t) => {
  const { cache } = await createWorld(t, 'memory:?entries=2')
  const { promise: changed, resolve: finish } = Promise.withResolvers<void>()
  const writing = cache.write(
    ['key'],
    () => changed,
    () => undefined,
  )
  for (let key = 0; key < 100; key++) await cache.read(String(key), () => entryOf(1))
  await cache.read('key', () => entryOf(0))
  t.assert.equal(cache.peek('key'), undefined)
  t.assert.equal(cache.stats().reads.busy, 1)
  finish()
  await writing
})

test('memory: when every load hangs, each reader still loads for itself in the end', async (t) => {
  const { cache } = await createWorld(t, 'memory:', { flightWaitMs: 5 })
  const { promise: answered, resolve: answer } = Promise.withResolvers<undefined>()
  const calls = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const readings = calls.map(({ resolve: call }) =>
    cache.read('key', () => {
      call()
      return answered
    }),
  )
  await Promise.all(calls.map(({ promise: called }) => called))
  answer(undefined)
  await Promise.all(readings)
  t.assert.deepEqual(cache.stats().reads, { hit: 0, miss: 3, wait: 0, busy: 0, bypass: 2 })
})

test('memory: the timeout of a wait that has ended does not apply to the next load', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { cache, clock } = await createWorld(t)
  await Promise.all([1, 2].map(() => cache.read('key', async () => entryOf(1))))
  clock.advance(60_000)
  const { promise: loaded, resolve: answer } = Promise.withResolvers<Entry>()
  const reading = cache.read('key', () => loaded)
  t.mock.timers.tick(100)
  answer(entryOf(2))
  await reading
  t.assert.deepEqual(cache.peek('key'), entryOf(2))
})

test('memory: while other processes write to the database, nothing is cached and every read loads', async (t) => {
  const { cache } = await createWorld(t, 'memory:', { singleProcess: () => false })
  t.assert.equal(
    await cache.write(
      ['key'],
      async () => 'done',
      () => entryOf(1),
    ),
    'done',
  )
  t.assert.equal(cache.peek('key'), undefined)
  t.assert.deepEqual(await cache.read('key', () => entryOf(2)), entryOf(2))
  t.assert.deepEqual(await cache.read('key', async () => entryOf(3)), entryOf(3))
  t.assert.equal(cache.stats().entries, 0)
  t.assert.equal(cache.stats().reads.bypass, 2)
})

test('memory: what was cached before another process wrote does not come back afterwards', async (t) => {
  const { cache, lose, regain } = await createTrustedWorld(t)
  await cache.read('key', () => entryOf(1))
  lose()
  t.assert.equal(cache.peek('key'), undefined)
  regain()
  t.assert.equal(cache.peek('key'), undefined)
  await cache.read('key', () => entryOf(2))
  t.assert.deepEqual(cache.peek('key'), entryOf(2))
})

test('memory: a load stores nothing when another process could write during a part of it', async (t) => {
  const { cache, lose, regain } = await createTrustedWorld(t)
  const { promise: loaded, resolve: answer } = Promise.withResolvers<Entry>()
  const reading = cache.read('key', () => loaded)
  const waiting = cache.read('key', async () => entryOf(1))
  lose()
  cache.peek('key')
  regain()
  answer(entryOf(0))
  t.assert.deepEqual(await reading, entryOf(0))
  t.assert.deepEqual(await waiting, entryOf(1))
  t.assert.deepEqual(cache.peek('key'), entryOf(1))
})

test('memory: a load stores nothing when another process can write at its end', async (t) => {
  const { cache, lose, regain } = await createTrustedWorld(t)
  const { promise: loaded, resolve: answer } = Promise.withResolvers<Entry>()
  const reading = cache.read('key', () => loaded)
  lose()
  answer(entryOf(0))
  await reading
  regain()
  t.assert.equal(cache.peek('key'), undefined)
})

test('memory: a write stores nothing when another process could write during a part of it', async (t) => {
  const { cache, lose, regain } = await createTrustedWorld(t)
  const { promise: changed, resolve: finish } = Promise.withResolvers<void>()
  const writing = cache.write(
    ['key'],
    () => changed,
    () => entryOf(1),
  )
  lose()
  cache.peek('key')
  regain()
  finish()
  await writing
  t.assert.equal(cache.peek('key'), undefined)
})

test('memory: a write that began while another process could write keeps readers from filling until it ends', async (t) => {
  const { cache, lose, regain } = await createTrustedWorld(t)
  const { promise: changed, resolve: finish } = Promise.withResolvers<void>()
  lose()
  const writing = cache.write(
    ['key'],
    () => changed,
    () => entryOf(1),
  )
  regain()
  await cache.read('key', () => entryOf(0))
  t.assert.equal(cache.peek('key'), undefined)
  finish()
  await writing
  t.assert.equal(cache.peek('key'), undefined)
})

test('memory: once closed it caches nothing, while reads still load and writes still run', async (t) => {
  const { cache } = await createWorld(t)
  await cache.read('key', () => entryOf(1))
  await cache.close()
  t.assert.equal(cache.peek('key'), undefined)
  t.assert.deepEqual(await cache.read('key', () => entryOf(2)), entryOf(2))
  t.assert.equal(
    await cache.write(
      ['key'],
      async () => 'done',
      () => entryOf(3),
    ),
    'done',
  )
  t.assert.equal(cache.stats().entries, 0)
})

test('openCache names the known schemes when the URL has another', async (t) => {
  const opening = openCache('memcached://user:secret@host', { clock: createManualClock(0) })
  await t.assert.rejects(opening, {
    message:
      'The scheme "memcached:" of the cache URL is unknown; known are: memory:, none:, redis:, rediss:',
  })
  await t.assert.rejects(openCache('memory', { clock: createManualClock(0) }), /known are: memory:/)
})

test('none: caches nothing, so that every read loads', async (t) => {
  const cache = await openCache('none:', { clock: createManualClock(0) })
  t.after(() => cache.close())
  let loads = 0
  const load = () => {
    loads += 1
    return { version: 1, expiresAtMs: Number.POSITIVE_INFINITY, text: 'v' }
  }
  for (let i = 0; i < 3; i++) t.assert.equal((await cache.read('k', load))?.text, 'v')
  t.assert.equal(loads, 3)
})

async function createWorld(t: TestContext, url = 'memory:', options: Partial<CacheOptions> = {}) {
  const clock = createManualClock(1_800_000_000_000)
  const cache = openMemoryCache(url, { clock, ...options })
  t.after(() => cache.close())
  return { cache, clock }
}

/** A cache over a database to which another process starts and stops writing. */
async function createTrustedWorld(t: TestContext) {
  let trusted = true
  const { cache } = await createWorld(t, 'memory:', { singleProcess: () => trusted })
  const lose = () => {
    trusted = false
  }
  const regain = () => {
    trusted = true
  }
  return { cache, lose, regain }
}

function entryOf(version: number, text = '{}'): Entry {
  return { version, expiresAtMs: Number.POSITIVE_INFINITY, text }
}

async function assertCaught(
  t: TestContext,
  createFaulty: () => Pick<ObservableCache, 'peek' | 'read' | 'write'>,
): Promise<void> {
  const stats = (): never => {
    throw new Error('a faulty cache counts nothing')
  }
  const open: OpenCache = async () => ({ ...createFaulty(), close: async () => {}, stats })
  const { errorInstance } = await fc.check(freshness(open), { numRuns: 10_000, endOnFailure: true })
  t.assert.match(String(errorInstance), /a reader of [ab] got (\d+|nothing) after version \d+ had been shown/)
}

function createNaiveCache(): Pick<ObservableCache, 'peek' | 'read' | 'write'> {
  const entries = new Map<string, Entry>()
  return {
    peek: (key) => entries.get(key),
    read: async (key, load) => {
      const entry = entries.get(key) ?? (await load())
      if (entry !== undefined) entries.set(key, entry)
      return entry
    },
    write: async (keys, change) => {
      const result = await change({})
      for (const key of keys) entries.delete(key)
      return result
    },
  }
}

function createDedupingCache(): Pick<ObservableCache, 'peek' | 'read' | 'write'> {
  const flights = new Map<string, Promise<Entry | undefined>>()
  return {
    peek: () => undefined,
    read: (key, load) => {
      const flight = flights.get(key) ?? Promise.resolve(load()).finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
    write: (_keys, change) => change({}),
  }
}
