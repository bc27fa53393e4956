import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { diagnoseLimits } from '@quintet/chassis/diagnosis'
import { createMemoryStore } from '../src/guard/memory.ts'
import { openRedisStore } from '../src/guard/redis.ts'
import type { LimitStore } from '../src/guard/store.ts'
import { isAdmitted, testLimitStore, unitOf } from './limit-store-contract.ts'
import { adminOf, startRedis } from './redis-world.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, until } from './testing.ts'

const logged = () => {
  const lines: string[] = []
  return {
    lines,
    info: (...args: unknown[]) => void lines.push(String(args[1])),
    warn: (...args: unknown[]) => void lines.push(String(args[1])),
  }
}

const nowUs = () => Math.floor(performance.now() * 1_000)

const url = engineUrl('redis')
if (url !== undefined) {
  test('A Redis of limits is good while it can be written, and broken as a replica', async (t) => {
    const { url: own } = await startRedis(t)
    const admin = await adminOf(t, own)
    const verdicts = async () => (await diagnoseLimits(own)).map(({ verdict }) => verdict)
    assert.deepEqual(await verdicts(), ['good', 'good', 'good'])
    await admin.sendCommand(['REPLICAOF', '127.0.0.1', '1'])
    assert.deepEqual(await verdicts(), ['good', 'good', 'broken'])
  })

  const id = randomBytes(4).toString('hex')
  const open = (nowUs: () => number, replyBudgetMs = 10_000) =>
    openRedisStore({
      url,
      local: createMemoryStore({ entriesMax: 100_000, nowUs }),
      logger: undefined,
      nowUs,
      replyBudgetMs,
    })
  testLimitStore(`redis-${id}`, open, { runs: 10 })

  test('Memory and Redis decide 20,000 random requests alike', async () => {
    let nowUs = 1_000_000_000_000
    const [memory, redis] = [
      createMemoryStore({ entriesMax: 100_000, nowUs: () => nowUs }),
      await open(() => nowUs),
    ]
    const steps = fc.sample(
      fc.record({
        waitUs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 300_000 })),
        keys: fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 }),
        isCharge: fc.integer({ min: 0, max: 19 }).map((one) => one === 0),
      }),
      { numRuns: 20_000, seed: 20261130 },
    )
    const options = {
      a: { quota: 7, windowSeconds: 3, burst: 4 },
      b: { quota: 100, windowSeconds: 1, burst: 3, cost: 2 },
      c: { quota: 3, windowSeconds: 1, burst: 9, isDry: true },
      d: { quota: 30, windowSeconds: 1 },
    }
    let admitted = 0
    const size = 100
    for (let start = 0; start < steps.length; start += size) {
      const batch = steps.slice(start, start + size)
      nowUs += batch[0]?.waitUs ?? 0
      const decided = batch.map(({ keys, isCharge }) => {
        const units = keys.map((key) => unitOf(`${id}${key}`, options[key as keyof typeof options]))
        if (!isCharge) return [memory.decide(units), redis.decide(units)] as const
        memory.charge(units)
        redis.charge(units)
        return undefined
      })
      for (const pair of decided) {
        if (pair === undefined) continue
        const [one, other] = [pair[0], await pair[1]]
        assert.deepEqual(other.levels, one.levels)
        admitted += 1
      }
    }
    assert.ok(admitted > 18_000)
    await redis.close()
  })

  testKeys()
  testFaults()
}

const slow = { quota: 1, windowSeconds: 600 }

async function openOn(t: TestContext, target: string, logger = logged()): Promise<LimitStore> {
  const local = createMemoryStore({ entriesMax: 1_000, nowUs })
  const store = await openRedisStore({ url: target, local, logger })
  t.after(() => store.close())
  await until(() => !store.isDegraded(), 10_000)
  return store
}

/**
 * Waits for a decision that is made without Redis, and fails if it takes longer than 60 ms by a timer of the same process: what else
 * the machine does delays both.
 */
async function withinBudget<T>(decision: T | Promise<T>): Promise<T> {
  const late = pause(60)
    .then(() => immediate())
    .then(() => immediate())
    .then(() => assert.fail('The decision has waited for Redis longer than its budget.'))
  return Promise.race([decision, late])
}

function testKeys(): void {
  test('Requests of one turn travel as one call, and the keys of empty buckets are removed', async (t) => {
    const engine = await startRedis(t)
    const store = await openOn(t, engine.url)
    const admin = await adminOf(t, engine.url)
    await admin.configResetStat()
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => isAdmitted(store, unitOf(`key ${i}`, { quota: 100 }))),
    )
    assert.match(await admin.info('commandstats'), /cmdstat_evalsha:calls=[12],/)
    await until(async () => (await admin.keys('quintet:limit:key*')).length === 0, 5_000)
  })

  test('No key is removed before its bucket is empty', async (t) => {
    const engine = await startRedis(t)
    const store = await openOn(t, engine.url)
    const admin = await adminOf(t, engine.url)
    for (let i = 0; i < 50; i++) {
      await isAdmitted(store, unitOf(`kept ${i}`, slow))
      const key = `quintet:limit:kept ${i}`
      const [emptyAtUs, removedAtMs] = [Number(await admin.get(key)), await admin.pExpireTime(key)]
      assert.ok(
        emptyAtUs > 0 && removedAtMs * 1_000 >= emptyAtUs,
        `${emptyAtUs - removedAtMs * 1_000} us too early`,
      )
    }
  })
}

function testFaults(): void {
  for (const [name, stop, resume] of [
    ['killed', (engine) => engine.kill(), (engine) => engine.restart()],
    ['stopped', (engine) => engine.pause(), (engine) => engine.resume()],
  ] as const satisfies readonly (readonly [
    string,
    (engine: Awaited<ReturnType<typeof startRedis>>) => void | Promise<void>,
    (engine: Awaited<ReturnType<typeof startRedis>>) => void | Promise<void>,
  ])[])
    test(`While Redis is ${name}, each policy does what it says, warm and at once; it is used again within 2 s`, async (t) => {
      const engine = await startRedis(t)
      const logger = logged()
      const store = await openOn(t, engine.url, logger)
      const unit = unitOf('warm', slow)
      for (let i = 0; i < 3; i++) assert.equal(await isAdmitted(store, unit), true)
      await stop(engine)
      assert.equal(await withinBudget(isAdmitted(store, unit)), true)
      assert.equal(store.isDegraded(), true)
      assert.ok(!(store.decide([unitOf('other', slow)]) instanceof Promise), 'Nothing waits from now on.')
      assert.equal(await isAdmitted(store, unit), true)
      assert.equal(await isAdmitted(store, unit), false, 'what Redis has counted counts here')
      const { levels } = await store.decide([
        unitOf('open', { ...slow, degraded: 'open' }),
        unitOf('local', slow),
      ])
      assert.deepEqual(levels, [undefined, 0])
      const closed = await store.decide([
        unitOf('closed', { ...slow, degraded: 'closed' }),
        unitOf('local', slow),
      ])
      assert.deepEqual(
        closed.levels,
        [undefined, undefined],
        'nothing is counted for a request that is refused',
      )
      await resume(engine)
      const resumedAt = performance.now()
      await until(() => !store.isDegraded(), 10_000)
      assert.ok(performance.now() - resumedAt < 2_000, `${performance.now() - resumedAt} ms`)
      assert.equal(await isAdmitted(store, unit), false, 'a Redis that came back empty gets what was counted')
      assert.equal(logger.lines.length, 2, logger.lines.join('\n'))
    })

  test('A Redis that takes 200 ms for each reply is done without, and no request waits for it', async (t) => {
    const engine = await startRedis(t)
    const proxy = await startProxy(t, engine.url)
    const store = await openOn(t, proxy.through(engine.url))
    const unit = unitOf('slow', { quota: 1_000, burst: 1_000 })
    assert.equal(await isAdmitted(store, unit), true)
    proxy.delay(200)
    await withinBudget(store.decide([unit]))
    // It is tried again in this time.
    for (let i = 0; i < 60; i++) {
      assert.ok(!(store.decide([unit]) instanceof Promise))
      await pause(20)
    }
    assert.equal(store.isDegraded(), true)
    await proxy.pass()
    await until(() => !store.isDegraded(), 5_000)
  })

  test('A Redis that cannot be reached at the start is done without, until it can', async (t) => {
    const engine = await startRedis(t)
    await engine.kill()
    const local = createMemoryStore({ entriesMax: 1_000, nowUs })
    const store = await openRedisStore({ url: engine.url, local, logger: undefined })
    t.after(() => store.close())
    assert.equal(store.isDegraded(), true)
    assert.equal(await isAdmitted(store, unitOf('a', { ...slow, burst: 1 })), true)
    assert.equal(await isAdmitted(store, unitOf('a', { ...slow, burst: 1 })), false)
    await engine.restart()
    await until(() => !store.isDegraded(), 10_000)
  })

  test('A Redis that refuses to be written to is done without', async (t) => {
    const engine = await startRedis(t)
    const store = await openOn(t, engine.url)
    const admin = await adminOf(t, engine.url)
    await admin.configSet('maxmemory', '1')
    await admin.configSet('maxmemory-policy', 'noeviction')
    assert.equal(await isAdmitted(store, unitOf('a', slow)), true)
    assert.equal(store.isDegraded(), true)
    await admin.configSet('maxmemory', '0')
    await until(() => !store.isDegraded(), 10_000)
  })
}
