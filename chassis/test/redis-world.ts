import type { TestContext } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { openCache } from '@quintet/chassis/cache'
import type { Cache, CacheOptions, Entry } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { createClient } from '@redis/client'
import { createMemoryArbiter, testTimes } from './memory-arbiter.ts'
import { until } from './testing.ts'

export const withinMs = 10_000
export const entry = (version: number): Entry => ({
  version,
  expiresAtMs: Number.POSITIVE_INFINITY,
  text: `${version}`,
})
export const isDown = (error: unknown) => error instanceof AppError && error.code === 'dependency_down'
/** Nobody else writes under the name, so nothing can be on its way when it is first used. */
export const openAlone = (url: string, namespace: string, options: Partial<CacheOptions> = {}) =>
  openCache(url, {
    clock: systemClock,
    namespace,
    arbiter: createMemoryArbiter({ skipsWarming: true }),
    times: testTimes,
    ...options,
  })
export const isOn = (cache: Cache) => () => cache.stats().control?.mode === 'on'

export async function startRedis(t: TestContext) {
  const engine = await startPrivateEngine('redis')
  t.after(() => engine.dispose())
  return engine
}

export async function adminOf(t: TestContext, url: string) {
  const admin = createClient({ url })
  admin.on('error', () => {})
  await admin.connect()
  t.after(() => admin.destroy())
  return admin
}

/** Reads `key` until its value is cached. */
export async function fill(cache: Cache, load: () => Promise<Entry>): Promise<void> {
  await until(async () => {
    await cache.read('key', load)
    return cache.stats().reads.hit > 0
  }, withinMs)
}
