import type { Static, TObject } from 'typebox'
import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { principalsOf } from '../config/index.ts'
import type { AuthSettings, rateLimitSettings } from '../config/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { createLimitCounts, exportLimitMetrics } from './limit-metrics.ts'
import { createLimits } from './limits.ts'
import type { RequestLimits } from './limits.ts'
import { createMemoryStore } from './memory.ts'
import type { MemoryStore } from './memory.ts'
import { openPolicies } from './policies.ts'
import { createQuotas } from './quotas.ts'
import type { LimitStore } from './store.ts'

export type RateLimitConfig = Static<TObject<typeof rateLimitSettings>> &
  Readonly<Partial<AuthSettings>> & { readonly WORKERS: number }

export type LimitParts = {
  /** The name of the service, under which it counts. */
  readonly name: string
  /** Whether it is where the requests of clients arrive first. */
  readonly isEdge: boolean | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

const entriesDefault = 100_000

/** The limits of settings that enable some. */
export async function openConfiguredLimits(
  config: RateLimitConfig,
  parts: LimitParts,
): Promise<RequestLimits> {
  const { name, isEdge, clock, logger, metrics } = parts
  const durations = durationClockOf(clock)
  const processes = config.RATE_LIMIT_REPLICAS * config.WORKERS
  const isShared = !config.RATE_LIMIT_URL.startsWith('memory:')
  if (!isShared && processes > 1)
    logger.warn(
      { processes },
      'each process counts limits by itself, with its share of them: RATE_LIMIT_URL=redis://… counts them together',
    )
  const policies = openPolicies(
    { text: config.RATE_LIMIT_POLICIES, file: config.RATE_LIMIT_FILE },
    {
      place: name,
      countsRequests: isEdge === true || config.RATE_LIMIT_AT === 'everywhere',
      isDryRun: config.RATE_LIMIT === 'dry-run',
      degraded: config.RATE_LIMIT_DEGRADED,
      processes,
      principals: principalsOf(config),
    },
    { logger, durations },
  )
  const quotas = createQuotas({
    open: async () => (await import('./quota-table.ts')).openQuotaStore(config.RATE_LIMIT_QUOTA_URL),
    clock,
    logger,
  })
  if (policies.current().quotas.length > 0) await quotas.open()
  const counts = createLimitCounts()
  const local = createMemoryStore({
    entriesMax: entriesOf(config.RATE_LIMIT_URL),
    isShare: processes > 1,
    nowUs: () => Math.floor(durations.now() * 1_000),
  })
  let store: LimitStore = local
  const observe = exportLimitMetrics(metrics.registry, {
    counts,
    policies: () => Object.values(policies.current()).flatMap((all) => all.map(({ name }) => name)),
    isDegraded: () => store.isDegraded() || quotas.isDegraded(),
    size: local.size,
  })
  if (isShared) store = await openRedis(config.RATE_LIMIT_URL, { local, logger, observe })
  const fieldStyle = config.RATE_LIMIT === 'dry-run' ? 'off' : config.RATE_LIMIT_FIELDS
  return createLimits({ policies, store, quotas, processes, fieldStyle, counts })
}

async function openRedis(
  url: string,
  parts: { local: MemoryStore; logger: Logger; observe: (seconds: number) => void },
): Promise<LimitStore> {
  return (await import('./redis.ts')).openRedisStore({ url, ...parts })
}

function entriesOf(url: string): number {
  return Number(new URL(url).searchParams.get('entries') ?? entriesDefault)
}
