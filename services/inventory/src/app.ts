import { openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { openDatabase } from '@quintet/chassis/database'
import { startSweeper } from '@quintet/chassis/sweeper'
import { createApp, createIdempotency } from '@quintet/chassis/http'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import type { App } from '@quintet/chassis/http'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { exportCacheMetrics } from '@quintet/chassis/cache'
import type { Logger } from '@quintet/chassis/telemetry'
import type { InventoryConfig } from './config.ts'
import { createMovieStore } from './movie-store.ts'
import type { MovieTables } from './movie-store.ts'
import { movieRoutes, movieFastPath } from './routes.ts'

/** The inventory service, whole: everything that it opens is opened here and closed with it. */
export async function createInventoryApp(
  config: InventoryConfig,
  parts: Partial<{ clock: Clock; logger: Logger }> = {},
): Promise<App> {
  const { clock = systemClock } = parts
  const { logger = createLogger({ service: 'inventory', level: config.LOG_LEVEL }) } = parts
  const metrics = createMetrics('inventory')
  const database = await openDatabase<MovieTables>(config.INVENTORY_DATABASE_URL, { migrations })
  const cache = await openCache(config.CACHE_URL, {
    clock,
    namespace: 'inventory',
    singleProcess: database.isSingleProcess,
  })
  const movies = createMovieStore({ database, cache })
  const idempotency = createIdempotency({
    store: createSqlIdempotencyStore(database),
    clock,
    detailAlias: 'message',
  })
  const app = await createApp({
    name: 'inventory',
    title: 'Movie inventory',
    description: 'Keeps movies.',
    logger,
    metrics,
    detailAlias: 'message',
    dependencies: { database: database.ping, ...(cache.ping && { cache: cache.ping }) },
    fastPath: movieFastPath(movies),
  })
  exportCacheMetrics(metrics.registry, cache)
  movieRoutes(app, { movies, idempotency })
  const sweeper = startSweeper([idempotency.sweep], logger)
  app.addHook('onClose', async () => {
    await sweeper.stop()
    await cache.close()
    await database.close()
  })
  return app
}

const migrations = new URL('../migrations/', import.meta.url)
