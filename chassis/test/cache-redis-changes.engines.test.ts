import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cache } from '@quintet/chassis/cache'
import { createMemoryArbiter, testTimes } from './memory-arbiter.ts'
import { adminOf, entry, fill, isDown, isOn, openAlone, startRedis, withinMs } from './redis-world.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, until } from './testing.ts'

/** Which Redis is the cache when there are several, or one comes back with older content. */

if (engineUrl('redis') !== undefined) testChanges()

function testChanges(): void {
  test('redis: when the way to it leads to another server and back, no value from before is read', async (t: TestContext) => {
    const [first, second] = await Promise.all([startRedis(t), startRedis(t)])
    const proxy = await startProxy(t, first.url)
    const cache = await openAlone(proxy.through(first.url), 'there-and-back')
    t.after(() => cache.close())
    let version = 1
    const load = async () => entry(version)
    const write = async () => {
      await until(
        async () =>
          (await cache
            .write(
              ['key'],
              async () => ++version,
              () => entry(version),
            )
            .catch(() => 0)) > 0,
        withinMs,
      )
    }
    await fill(cache, load)
    proxy.forwardTo(second.url)
    await write()
    proxy.forwardTo(first.url)
    await untilUsed(cache, async () => {
      t.assert.deepEqual(await cache.read('key', load), entry(2))
    })
    await write()
    t.assert.deepEqual(await cache.read('key', load), entry(3))
  })

  test('redis: restarted from an old file, it is not read as it was', async (t: TestContext) => {
    const engine = await startRedis(t)
    const cache = await openAlone(engine.url, 'old-file')
    t.after(() => cache.close())
    let version = 1
    const load = async () => entry(version)
    await fill(cache, load)
    const admin = await adminOf(t, engine.url)
    await admin.sendCommand(['SAVE'])
    await cache.write(
      ['key'],
      async () => ++version,
      () => entry(version),
    )
    await engine.kill()
    await engine.restart()
    t.assert.ok((await adminOf(t, engine.url).then((other) => other.dbSize())) > 1, 'the file was loaded')
    await untilUsed(cache, async () => {
      t.assert.deepEqual(await cache.read('key', load), entry(2))
    })
  })

  test('redis: a process whose way leads to another server reads past it and is refused writes, and the cache of the others stays in use', async (t: TestContext) => {
    const [first, second] = await Promise.all([startRedis(t), startRedis(t)])
    const proxy = await startProxy(t, first.url)
    const arbiter = createMemoryArbiter({ skipsWarming: true })
    const cache = await openAlone(first.url, 'apart', { arbiter })
    const apart = await openAlone(proxy.through(first.url), 'apart', { arbiter })
    t.after(() => Promise.all([cache.close(), apart.close()]))
    await fill(cache, async () => entry(1))
    await until(isOn(apart), withinMs)
    const epoch = () => cache.stats().control?.epoch
    const before = epoch()
    for (const cutOff of [() => proxy.forwardTo(second.url), () => proxy.forwardTo('tcp://127.0.0.1:1')]) {
      cutOff()
      await until(() => !isOn(apart)(), withinMs)
      for (const startedAt = performance.now(); performance.now() - startedAt < 500; await pause(20)) {
        t.assert.deepEqual(await apart.read('key', async () => entry(2)), entry(2))
        t.assert.deepEqual(await cache.read('key', async () => entry(3)), entry(1))
        const write = apart.write(
          ['key'],
          async () => t.assert.fail(),
          () => undefined,
        )
        await t.assert.rejects(write, isDown)
      }
    }
    t.assert.equal(epoch(), before)
    proxy.forwardTo(first.url)
    await until(isOn(apart), withinMs)
    t.assert.deepEqual(await apart.read('key', async () => entry(4)), entry(1))
  })

  test('redis: a process that cannot read the control row any more reads past the cache before others may use another server', async (t: TestContext) => {
    const engine = await startRedis(t)
    const shared = createMemoryArbiter({ skipsWarming: true })
    let isCut = false
    const arbiter = { ...shared, read: () => (isCut ? Promise.reject(new Error('cut')) : shared.read()) }
    const times = { ...testTimes, readLeaseMs: 200, writeLeaseMs: 300 }
    const cache = await openAlone(engine.url, 'blind', { arbiter, times })
    t.after(() => cache.close())
    await fill(cache, async () => entry(1))
    isCut = true
    await pause(times.readLeaseMs + 50)
    t.assert.deepEqual(await cache.read('key', async () => entry(2)), entry(2))
    await pause(times.writeLeaseMs - times.readLeaseMs)
    const write = cache.write(
      ['key'],
      async () => t.assert.fail(),
      () => undefined,
    )
    await t.assert.rejects(write)
    isCut = false
    await until(async () => (await cache.read('key', async () => entry(3)))?.version === 1, withinMs)
  })
}

/** Repeats the work until the cache is in use again, and once more after. */
async function untilUsed(cache: Cache, work: () => Promise<void>): Promise<void> {
  const { hit } = cache.stats().reads
  await until(async () => {
    await work()
    return isOn(cache)() && cache.stats().reads.hit > hit
  }, withinMs)
}
