import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Cache, CacheOptions, Entry, Load } from '@quintet/chassis/cache'
import { createManualClock } from '@quintet/chassis/testing/clock'
import fc from 'fast-check'
import type { MemoryCache } from '../src/cache/memory/memory-cache.ts'

/** A cache in memory also shows what it holds. */
export type ObservableCache = Cache & Partial<Pick<MemoryCache, 'peek'>>
export type OpenCache = (options: CacheOptions) => Promise<ObservableCache>

/**
 * What every cache adapter guarantees. `open` returns a new, empty cache at every call. A server has its own clock, by which
 * leases and cached absences expire.
 */
export function testCache(
  name: string,
  open: OpenCache,
  { hasOwnClock = false, histories = 100 } = {},
): void {
  describe(`cache contract: ${name}`, () => {
    testReads(open)
    testExpiry(open)
    testFailedLoads(open)
    if (!hasOwnClock) testTimes(open)
    testLateLoads(open)
    testMarkers(open)
    testOverlappingWrites(open)
    testNewValues(open)
    testHistories(open, histories)
  })
}

function testTimes(open: OpenCache): void {
  test('1,000 concurrent readers of a cold key make one load', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    const gate = createGate<Entry>()
    const readings = Array.from({ length: 1000 }, () => cache.read('key', gate.run))
    await gate.called
    gate.answer(entryOf(1))
    t.assert.deepEqual(new Set(await Promise.all(readings).then(versionsOf)), new Set([1]))
    t.assert.equal(gate.calls(), 1)
  })

  test('a cached absence is loaded again when its time has passed', async (t) => {
    const { cache, clock, source } = await createWorld(t, open, undefined, { absentTtlMs: 5000 })
    await cache.read('key', source.load)
    source.entry = entryOf(1)
    clock.set(startMs + 4999)
    t.assert.equal(await cache.read('key', source.load), undefined)
    clock.set(startMs + 5000)
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })

  test('a load that hangs delays other readers for a bounded time, and fills nothing when it ends', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1), { flightWaitMs: 5 })
    const gate = createGate<Entry>()
    const hung = cache.read('key', gate.run)
    await gate.called
    const readings = Array.from({ length: 100 }, () => cache.read('key', source.load))
    t.assert.deepEqual(new Set(await Promise.all(readings).then(versionsOf)), new Set([1]))
    gate.answer(entryOf(0))
    t.assert.deepEqual(await hung, entryOf(0))
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })
}

function testReads(open: OpenCache): void {
  test('a loaded value is returned again without a second load', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
    t.assert.equal(source.loads, 1)
  })

  test('a value has its owner, whatever characters that and its text have', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    for (const [i, owner] of ['key:ada', 'https://issuer.example/|a|b "ü" 😀', null].entries()) {
      const entry = { ...entryOf(i), owner, text: '|"\n|"' }
      await cache.read(`loaded-${i}`, () => entry)
      await put(cache, `written-${i}`, entry)
      for (const key of [`loaded-${i}`, `written-${i}`]) {
        const { owner: found = null, ...rest } = (await cache.read(key, mustNotLoad)) ?? {}
        t.assert.deepEqual({ ...rest, owner: found }, entry)
      }
    }
  })

  test('a loaded absence is returned again without a second load', async (t) => {
    const { cache, source } = await createWorld(t, open, undefined)
    t.assert.equal(await cache.read('key', source.load), undefined)
    t.assert.equal(await cache.read('key', source.load), undefined)
    t.assert.equal(source.loads, 1)
  })

  test('a load may return with or without a promise', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    t.assert.deepEqual(await cache.read('key', () => entryOf(1)), entryOf(1))
    t.assert.deepEqual(await cache.read('key', mustNotLoad), entryOf(1))
  })

  test('keys are independent of each other', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    t.assert.deepEqual(await cache.read('one', async () => entryOf(1)), entryOf(1))
    t.assert.deepEqual(await cache.read('two', async () => entryOf(2)), entryOf(2))
    await put(cache, 'one', entryOf(3))
    t.assert.deepEqual(await cache.read('two', mustNotLoad), entryOf(2))
  })
}

function testExpiry(open: OpenCache): void {
  test('a value is returned in its last millisecond and never at its expiry', async (t) => {
    const { cache, clock, source } = await createWorld(t, open, entryOf(1, startMs + 1000))
    await cache.read('key', source.load)
    clock.set(startMs + 999)
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1, startMs + 1000))
    t.assert.equal(source.loads, 1)
    clock.set(startMs + 1000)
    source.entry = undefined
    t.assert.equal(cache.peek?.('key'), undefined)
    t.assert.equal(await cache.read('key', source.load), undefined)
    t.assert.equal(source.loads, 2)
  })

  test('a value that a write stored expires at its millisecond too', async (t) => {
    const { cache, clock } = await createWorld(t, open, undefined)
    await put(cache, 'key', entryOf(1, startMs + 1000))
    clock.set(startMs + 999)
    t.assert.deepEqual(await cache.read('key', mustNotLoad), entryOf(1, startMs + 1000))
    clock.set(startMs + 1000)
    t.assert.equal(await cache.read('key', async () => undefined), undefined)
  })

  test('a value that expires while it is loaded is absent for every waiting reader', async (t) => {
    const { cache, clock } = await createWorld(t, open, undefined)
    const gate = createGate<Entry>()
    const readings = [1, 2, 3].map(() => cache.read('key', gate.run))
    await gate.called
    clock.set(startMs + 1000)
    gate.answer(entryOf(1, startMs + 1000))
    t.assert.deepEqual(await Promise.all(readings), [undefined, undefined, undefined])
  })

  test('an expired value is absent also while its key is being written', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    const change = createGate<void>()
    const writing = cache.write(['key'], change.run, () => undefined)
    await change.called
    t.assert.equal(await cache.read('key', () => entryOf(1, startMs)), undefined)
    change.answer()
    await writing
  })
}

function testFailedLoads(open: OpenCache): void {
  test('a load that rejects rejects every reader that needed it, and the key works afterwards', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    const load = async () => Promise.reject(new Error('source is down'))
    const readings = await Promise.allSettled([1, 2, 3].map(() => cache.read('key', load)))
    t.assert.deepEqual(new Set(readings.map((reading) => reading.status)), new Set(['rejected']))
    await t.assert.rejects(async () => cache.read('key', load), /source is down/)
    t.assert.deepEqual(await cache.read('key', () => entryOf(1)), entryOf(1))
    t.assert.deepEqual(await cache.read('key', mustNotLoad), entryOf(1))
  })

  test('a load that throws before it returns a promise fails the read, and the key works afterwards', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    const load = () => {
      throw new Error('source is down')
    }
    await t.assert.rejects(async () => cache.read('key', load), /source is down/)
    t.assert.deepEqual(await cache.read('key', () => entryOf(1)), entryOf(1))
  })

  test('stats count every read and every write once, by result', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    await cache.read('key', source.load)
    await cache.read('key', source.load)
    await put(cache, 'key', entryOf(2))
    await Promise.allSettled([put(cache, 'two', entryOf(1)), put(cache, 'two', entryOf(2))])
    await t.assert.rejects(cache.write(['key'], failingChange, () => undefined))
    t.assert.deepEqual(cache.stats().reads, { hit: 1, miss: 1, wait: 0, busy: 0, bypass: 0 })
    t.assert.deepEqual(cache.stats().writes, { ok: 1, contended: 2, failed: 1 })
  })
}

function testLateLoads(open: OpenCache): void {
  test('a value that was loaded before a write and arrives after it is never returned to a later reader', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const gate = createGate<Entry>()
    const early = cache.read('key', gate.run)
    await gate.called
    await put(cache, 'key', entryOf(1))
    gate.answer(entryOf(0))
    await early
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })

  test('the same holds when the write leaves the key empty', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const gate = createGate<Entry>()
    const early = cache.read('key', gate.run)
    await gate.called
    await cache.write(
      ['key'],
      async () => {},
      () => undefined,
    )
    gate.answer(entryOf(0))
    await early
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })

  test('a load that begins and ends inside a write fills nothing', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(0))
    const change = createGate<void>()
    const writing = cache.write(['key'], change.run, () => undefined)
    await change.called
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(0))
    change.answer()
    await writing
    source.entry = entryOf(1)
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })

  test('a load that begins before a write and ends inside it fills nothing', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const load = createGate<Entry>()
    const change = createGate<void>()
    const early = cache.read('key', load.run)
    await load.called
    const writing = cache.write(['key'], change.run, () => undefined)
    await change.called
    load.answer(entryOf(0))
    await early
    change.answer()
    await writing
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })

  test('a load that begins inside a write and ends after it fills nothing', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const load = createGate<Entry>()
    const change = createGate<void>()
    const writing = cache.write(['key'], change.run, () => undefined)
    await change.called
    const early = cache.read('key', load.run)
    await load.called
    change.answer()
    await writing
    load.answer(entryOf(0))
    await early
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })
}

function testMarkers(open: OpenCache): void {
  test('a cached value is not returned once a write of its key has begun', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(0))
    await cache.read('key', source.load)
    const change = createGate<void>()
    const writing = cache.write(['key'], change.run, () => entryOf(1))
    await change.called
    source.entry = entryOf(1)
    t.assert.equal(cache.peek?.('key'), undefined)
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
    change.answer()
    await writing
  })

  test('a write of several keys marks each of them, so that readers meanwhile do not fill them', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    const keys = ['one', 'two', 'three']
    for (const key of keys) await cache.read(key, () => entryOf(1))
    const change = createGate<void>()
    const writing = cache.write(keys, change.run, () => undefined)
    await change.called
    for (const key of keys) t.assert.deepEqual(await cache.read(key, () => entryOf(2)), entryOf(2))
    change.answer()
    await writing
    for (const key of keys) t.assert.deepEqual(await cache.read(key, () => entryOf(3)), entryOf(3))
  })

  test('a reader that begins after a write never gets the result of a load that began before it', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const gate = createGate<Entry>()
    const early = cache.read('key', gate.run)
    await gate.called
    await cache.write(
      ['key'],
      async () => {},
      () => undefined,
    )
    const late = cache.read('key', source.load)
    gate.answer(entryOf(0))
    t.assert.deepEqual(await early, entryOf(0))
    t.assert.deepEqual(await late, entryOf(1))
  })

  test('readers that wait for a load which a write has overtaken do not use its result', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const gate = createGate<Entry>()
    const early = cache.read('key', gate.run)
    await gate.called
    const waiting = Array.from({ length: 100 }, () => cache.read('key', source.load))
    await cache.write(
      ['key'],
      async () => {},
      () => undefined,
    )
    t.assert.deepEqual(new Set(await Promise.all(waiting).then(versionsOf)), new Set([1]))
    gate.answer(entryOf(0))
    await early
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })
}

function testOverlappingWrites(open: OpenCache): void {
  test('two overlapping writes leave the key empty, whichever ends first', async (t) => {
    for (const order of [[0, 1] as const, [1, 0] as const]) {
      const { cache, source } = await createWorld(t, open, entryOf(9))
      const changes = [createGate<void>(), createGate<void>()] as const
      const writings = changes.map((change, index) => cache.write(['key'], change.run, () => entryOf(index)))
      for (const index of order) {
        await changes[index].called
        changes[index].answer()
        await writings[index]
      }
      t.assert.deepEqual(await cache.read('key', source.load), entryOf(9))
    }
  })

  test('writes that overlap in a chain, the first not with the last, leave the key empty', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(9))
    const [first, second, third] = [createGate<void>(), createGate<void>(), createGate<void>()]
    const writings = [cache.write(['key'], first.run, () => entryOf(1))]
    await first.called
    writings.push(cache.write(['key'], second.run, () => entryOf(2)))
    await second.called
    first.answer()
    await writings[0]
    writings.push(cache.write(['key'], third.run, () => entryOf(3)))
    await third.called
    second.answer()
    third.answer()
    await Promise.all(writings)
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(9))
  })

  test('a write after two overlapping ones stores its value', async (t) => {
    const { cache } = await createWorld(t, open, undefined)
    await Promise.all([put(cache, 'key', entryOf(1)), put(cache, 'key', entryOf(2))])
    await put(cache, 'key', entryOf(3))
    t.assert.deepEqual(await cache.read('key', mustNotLoad), entryOf(3))
  })

  test('a write that fails rejects with its own error and leaves the key empty', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    await cache.read('key', source.load)
    await t.assert.rejects(
      cache.write(['key'], failingChange, () => entryOf(2)),
      /disk is full/,
    )
    source.entry = entryOf(3)
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(3))
    t.assert.deepEqual(await cache.read('key', mustNotLoad), entryOf(3))
  })

  test('a failing write that overlaps a successful one leaves the key empty', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(9))
    await Promise.allSettled([
      cache.write(['key'], failingChange, () => entryOf(1)),
      put(cache, 'key', entryOf(2)),
    ])
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(9))
  })
}

function testNewValues(open: OpenCache): void {
  test('a write without a new value makes the next reader load', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    await cache.read('key', source.load)
    source.entry = entryOf(2)
    t.assert.equal(
      await cache.write(
        ['key'],
        async () => 'done',
        () => undefined,
      ),
      'done',
    )
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(2))
  })

  test('a cached absence is replaced when the key is created', async (t) => {
    const { cache, source } = await createWorld(t, open, undefined)
    await cache.read('key', source.load)
    await put(cache, 'key', entryOf(1))
    t.assert.deepEqual(await cache.read('key', mustNotLoad), entryOf(1))
  })

  test('an absence that was loaded before a create is never returned after it', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    const gate = createGate<undefined>()
    const early = cache.read('key', gate.run)
    await gate.called
    await cache.write(
      ['key'],
      async () => {},
      () => undefined,
    )
    gate.answer(undefined)
    await early
    t.assert.deepEqual(await cache.read('key', source.load), entryOf(1))
  })

  test('a deleted key is known to be absent without a load', async (t) => {
    const { cache, source } = await createWorld(t, open, entryOf(1))
    await cache.read('key', source.load)
    await cache.write(
      ['key'],
      async () => {},
      () => null,
    )
    t.assert.equal(await cache.read('key', mustNotLoad), undefined)
  })

  test('1,000 times over, a reader sees what was just written', async (t) => {
    const { cache, source } = await createWorld(t, open, undefined)
    for (let version = 1; version <= 1000; version++) {
      const change = async () => {
        source.entry = entryOf(version)
      }
      await cache.write(['key'], change, () => (version % 2 === 0 ? entryOf(version) : undefined))
      t.assert.deepEqual(await cache.read('key', source.load), entryOf(version))
    }
  })
}

function testHistories(open: OpenCache, numRuns: number): void {
  test('no interleaving of readers and writers returns a state older than one already returned', async () => {
    await fc.assert(freshness(open), { numRuns })
  })
}

/**
 * Clients that use two keys of one source, with every step placed by the scheduler. Fails when a read returns a state older
 * than a write that was answered, or a read that had returned, before it began.
 */
export function freshness(open: OpenCache, acts: ReadonlyArray<Act> = ownActs) {
  const step = fc.record({ act: fc.constantFrom(...acts), key: fc.constantFrom(...allKeys) })
  const client = fc.array(step, { minLength: 1, maxLength: 6 })
  const clients = fc.array(client, { minLength: 2, maxLength: 5 })
  return fc.asyncProperty(fc.scheduler(), clients, async (scheduler, scripts) => {
    const pause = () => scheduler.schedule(Promise.resolve())
    const foreignWriters = new Set<symbol>()
    const cache = await open({
      clock: createManualClock(startMs),
      singleProcess: () => foreignWriters.size === 0,
    })
    const observer = createObserver(cache, createRegister(pause), foreignWriters)
    const run = async (script: ReadonlyArray<{ act: Act; key: string }>) => {
      for (const { act, key } of script) {
        await pause()
        await observer[act](key)
      }
    }
    await scheduler.waitFor(Promise.all(scripts.map(run)))
    await scheduler.waitFor(Promise.all(allKeys.map(observer.read)))
    await cache.close()
  })
}

type Act = keyof ReturnType<typeof createObserver>

/** Everything that users of a cache do, except for a write by another process, which bypasses the cache. */
export const ownActs = [
  'read',
  'readNow',
  'peek',
  'put',
  'touch',
  'touchAll',
  'remove',
  'fail',
  'failLate',
] as const

/** The actions of a client; each checks its result against what had been returned when it began. */
function createObserver(
  cache: ObservableCache,
  register: ReturnType<typeof createRegister>,
  foreignWriters: Set<symbol>,
) {
  const shown = new Map<string, number>()

  return {
    read: (key: string) => observeRead(key, () => cache.read(key, () => register.read(key))),
    readNow: (key: string) => observeRead(key, () => cache.read(key, () => register.now(key))),
    peek: async (key: string) => {
      const entry = cache.peek?.(key)
      if (entry !== undefined) await observeRead(key, async () => entry ?? undefined)
    },
    put: (key: string) => observeWrite(key, true, (entry) => entry),
    touch: (key: string) => observeWrite(key, true, () => undefined),
    touchAll: async () => {
      const change = () => Promise.all(allKeys.map((key) => register.write(key, true)))
      const written = await cache.write(allKeys, change, () => undefined)
      for (const [i, { version }] of written.entries()) show(String(allKeys[i]), version)
    },
    remove: (key: string) => observeWrite(key, false, () => null),
    fail: (key: string) => cache.write([key], failingChange, () => null).catch(() => {}),
    failLate: (key: string) => {
      const change = () => register.write(key, true).then(failingChange)
      return cache.write([key], change, () => null).catch(() => {})
    },
    foreignWrite: async (key: string) => {
      const writer = Symbol('writer')
      foreignWriters.add(writer)
      cache.peek?.(key)
      show(key, (await register.write(key, true)).version)
      foreignWriters.delete(writer)
    },
  }

  async function observeRead(key: string, read: () => ReturnType<Load>): Promise<void> {
    const floor = shown.get(key) ?? 0
    const entry = await read()
    const version = entry?.version ?? register.absentSince(key, floor)
    if (version === undefined || version < floor) {
      throw new Error(`a reader of ${key} got ${version ?? 'nothing'} after version ${floor} had been shown`)
    }
    show(key, version)
  }

  async function observeWrite(
    key: string,
    live: boolean,
    installs: (entry: Entry) => Entry | null | undefined,
  ): Promise<void> {
    const { version } = await cache.write([key], () => register.write(key, live), installs)
    show(key, version)
  }

  function show(key: string, version: number): void {
    shown.set(key, Math.max(version, shown.get(key) ?? 0))
  }
}

/** A linearizable source: every operation takes effect at one instant between its call and its return. */
function createRegister(pause: () => Promise<void>) {
  const histories = new Map<string, boolean[]>()

  return { now, read, write, absentSince }

  function historyOf(key: string): boolean[] {
    const history = histories.get(key) ?? [false]
    histories.set(key, history)
    return history
  }

  function now(key: string): Entry | undefined {
    const history = historyOf(key)
    return history.at(-1) ? entryOf(history.length - 1) : undefined
  }

  async function read(key: string): Promise<Entry | undefined> {
    await pause()
    const entry = now(key)
    await pause()
    return entry
  }

  async function write(key: string, live: boolean): Promise<Entry> {
    await pause()
    const version = historyOf(key).push(live) - 1
    await pause()
    return entryOf(version)
  }

  /** The first version from `floor` on at which the key was absent, if there was one. */
  function absentSince(key: string, floor: number): number | undefined {
    const version = historyOf(key).findIndex((live, index) => index >= floor && !live)
    return version === -1 ? undefined : version
  }
}

const startMs = 1_800_000_000_000
const allKeys = ['a', 'b']

async function createWorld(
  t: TestContext,
  open: OpenCache,
  entry: Entry | undefined,
  options: Partial<CacheOptions> = {},
) {
  const clock = createManualClock(startMs)
  const cache = await open({ clock, ...options })
  t.after(() => cache.close())
  return { cache, clock, source: createSource(entry) }
}

/** A source whose state the test sets, and which counts its loads. */
function createSource(entry: Entry | undefined) {
  const source = {
    entry,
    loads: 0,
    load: async () => {
      source.loads += 1
      return source.entry
    },
  }
  return source
}

/** A load or a change that the test controls: `called` resolves when it begins, `answer` ends it. */
function createGate<T>() {
  const { promise: called, resolve: call } = Promise.withResolvers<void>()
  const { promise: answered, resolve: answer } = Promise.withResolvers<T>()
  let calls = 0
  const run = () => {
    calls += 1
    call()
    return answered
  }
  return { run, called, answer, calls: () => calls }
}

function entryOf(version: number, expiresAtMs = startMs + 3_600_000): Entry {
  return { version, expiresAtMs, text: `{"version":${version}}` }
}

function versionsOf(entries: ReadonlyArray<Entry | undefined>): ReadonlyArray<number | undefined> {
  return entries.map((entry) => entry?.version)
}

async function put(cache: Cache, key: string, entry: Entry): Promise<void> {
  await cache.write(
    [key],
    async () => {},
    () => entry,
  )
}

function mustNotLoad(): never {
  throw new Error('the answer should have come from the cache')
}

async function failingChange(): Promise<never> {
  throw new Error('disk is full')
}
