import type { Cache, CacheOptions } from './port.ts'
import { tracedCache } from './traced-cache.ts'

export type * from './port.ts'
export { checkCache } from './cache-check.ts'
export { exportCacheMetrics } from './metrics.ts'
export { createCacheControlTable, createSqlArbiter, dropCacheControlTable } from './sql-arbiter.ts'

/**
 * Opens the cache that a URL names: `memory:`, or `memory:?entries=50000&bytes=16777216` with its bounds; `none:`, which
 * caches nothing; `redis://`, which processes share and which need not be available. Throws an Error on another
 * scheme; the rest of the URL is checked with the settings.
 */
export async function openCache(url: string, options: CacheOptions): Promise<Cache> {
  const scheme = url.slice(0, url.indexOf(':') + 1)
  const open = adapters[scheme]
  if (open === undefined) {
    const known = Object.keys(adapters).join(', ')
    throw new Error(`The scheme "${scheme}" of the cache URL is unknown; known are: ${known}`)
  }
  return tracedCache(await open(url, options), scheme.slice(0, -1).replace('rediss', 'redis'))
}

const redis = async (url: string, options: CacheOptions) =>
  (await import('./redis/redis-cache.ts')).openRedisCache(url, options)

const adapters: Record<string, (url: string, options: CacheOptions) => Promise<Cache>> = {
  'memory:': async (url, options) => (await import('./memory/memory-cache.ts')).openMemoryCache(url, options),
  'none:': async (_url, options) =>
    (await import('./memory/memory-cache.ts')).createMemoryCache({
      ...options,
      entriesMax: 1,
      bytesMax: 1,
      singleProcess: () => false,
    }),
  'redis:': redis,
  'rediss:': redis,
}
