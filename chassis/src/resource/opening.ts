import { exportCacheMetrics, openCache } from '../cache/index.ts'
import type { Cache } from '../cache/index.ts'
import { systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { openDatabase } from '../database/index.ts'
import type { Database } from '../database/index.ts'
import type { App, Dependencies } from '../http/index.ts'
import { createLogger, createMetrics } from '../telemetry/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

/** What a service is given, or makes for itself. */
export type ServiceParts = { readonly clock: Clock; readonly logger: Logger }

/** The parts that every service has: those given, else the system's clock and a logger at the level of its settings. */
export function partsOf(
  name: string,
  config: { readonly LOG_LEVEL: string },
  { clock = systemClock, logger }: Partial<ServiceParts>,
): ServiceParts & { metrics: Metrics } {
  return {
    clock,
    logger: logger ?? createLogger({ service: name, level: config.LOG_LEVEL }),
    metrics: createMetrics(name),
  }
}

/** Opens a database and the cache in front of it, to be closed with `opened`, and the probes of their readiness. */
export async function openStorage<Tables>(
  opened: AsyncDisposableStack,
  options: {
    name: string
    databaseUrl: string
    migrations: URL
    cacheUrl: string
    clock: Clock
    metrics: Metrics
  },
): Promise<{ database: Database<Tables>; cache: Cache; dependencies: Dependencies }> {
  const { name, databaseUrl, migrations, cacheUrl, clock, metrics } = options
  const database = await openDatabase<Tables>(databaseUrl, { migrations })
  opened.defer(database.close)
  const cache = await openCache(cacheUrl, {
    clock,
    namespace: name,
    singleProcess: database.isSingleProcess,
  })
  opened.defer(cache.close)
  exportCacheMetrics(metrics.registry, cache)
  return {
    database,
    cache,
    dependencies: { database: database.ping, ...(cache.ping && { cache: cache.ping }) },
  }
}

/** Closes what a service has opened when its app closes, last opened first. */
export function closeWithApp(app: App, opened: AsyncDisposableStack): void {
  const owned = opened.move()
  app.addHook('onClose', () => owned.disposeAsync())
}
