import { createSqlArbiter, exportCacheMetrics, openCache } from '../cache/index.ts'
import type { Cache } from '../cache/index.ts'
import { systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { tlsOf } from '../config/index.ts'
import { openDatabase } from '../database/index.ts'
import type { Database } from '../database/index.ts'
import { restrictFolder } from '../files/index.ts'
import type { AppOptions, Dependencies, GuardConfig } from '../http/index.ts'
import { createLogger, createMetrics } from '../telemetry/index.ts'
import type { Logger, Metrics, Telemetry, Tracer } from '../telemetry/index.ts'

/** Parts that a caller of a service's app may replace. */
export type ServiceParts = {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** What the process records; undefined for nothing. */
  readonly telemetry: Telemetry | undefined
  /** Whether a response that its route does not describe becomes a 500; false by default. */
  readonly checkResponses: boolean
}

/** The parts of every service: those given, by default the system clock and a logger with the configured level, and metrics of its own; its proxies, the settings of its guard, its TLS, and its limit of connections. */
export function partsOf(
  name: string,
  config: {
    readonly DATA_DIR: string
    readonly LOG_LEVEL: string
    readonly TRUSTED_PROXIES: string
    readonly CONNECTIONS_MAX: number
    readonly CHECK_RESPONSES: string
    readonly PROMISE_CHECK_SECONDS: number
  } & GuardConfig,
  {
    clock = systemClock,
    logger,
    metrics = createMetrics(),
    telemetry,
    checkResponses = config.CHECK_RESPONSES === 'on',
  }: Partial<ServiceParts>,
): ServiceParts &
  Pick<AppOptions, 'tls'> & {
    tracer: Tracer | undefined
    trustedProxies: string
    guard: GuardConfig
    connections: { max: number }
    promiseCheckSeconds: number
  } {
  restrictFolder(config.DATA_DIR)
  return {
    clock,
    logger: logger ?? createLogger({ service: name, level: config.LOG_LEVEL, keep: telemetry?.line }),
    metrics,
    telemetry,
    tracer: telemetry?.tracer(name, metrics),
    checkResponses,
    trustedProxies: config.TRUSTED_PROXIES,
    guard: config,
    tls: tlsOf(config, ''),
    connections: { max: config.CONNECTIONS_MAX },
    promiseCheckSeconds: config.PROMISE_CHECK_SECONDS,
  }
}

/** Opens a database and its cache, both closed with `opened`; `dependencies` are their readiness probes. */
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
  const database = await openDatabase<Tables>(databaseUrl, { migrations, metrics })
  opened.defer(database.close)
  const cache = await openCache(cacheUrl, {
    clock,
    namespace: name,
    arbiter: createSqlArbiter(database),
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
