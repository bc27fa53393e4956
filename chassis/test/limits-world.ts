import type { Principals } from '@quintet/chassis/config'
import { createLogger } from '@quintet/chassis/telemetry'
import type { FailureLogger } from '@quintet/chassis/telemetry'
import type { LimitedRequest, Principal } from '../src/guard/context.ts'
import { createLimitCounts } from '../src/guard/limit-metrics.ts'
import { createLimits } from '../src/guard/limits.ts'
import { createMemoryStore } from '../src/guard/memory.ts'
import { openPolicies } from '../src/guard/policies.ts'
import { createQuotas } from '../src/guard/quotas.ts'
import type { QuotaStore } from '../src/guard/quota-table.ts'
import { createManualClock } from './manual-clock.ts'

const silent = createLogger({ service: 'sample', level: 'silent' })

type Options = {
  file?: string
  isDryRun?: boolean
  countsRequests?: boolean
  degraded?: 'local' | 'open' | 'closed'
  processes?: number
  fieldStyle?: 'draft' | 'legacy' | 'off'
  openQuotas?: () => Promise<QuotaStore>
  startMs?: number
  logger?: FailureLogger
  principals?: Partial<Principals>
}

/** Limits in memory, by policies in their notation, whose time only the test advances. */
export function createLimitsWorld(text: string, options: Options = {}) {
  const { isDryRun = false, countsRequests = true, degraded = 'local', processes = 1 } = options
  const clock = createManualClock(options.startMs ?? Date.UTC(2030, 0, 31, 12))
  const principals = { any: true, keys: true, plans: true, ...options.principals }
  const compile = { place: 'sample', countsRequests, isDryRun, degraded, processes, principals }
  const policies = openPolicies({ text, file: options.file ?? '' }, compile, {
    logger: options.logger ?? silent,
    durations: clock,
  })
  const store = createMemoryStore({
    entriesMax: 10_000,
    isShare: processes > 1,
    nowUs: () => clock.now() * 1_000,
  })
  const open = options.openQuotas ?? (() => Promise.reject(new Error('There is no database.')))
  const quotas = createQuotas({ open, clock, logger: silent })
  const counts = createLimitCounts()
  const { fieldStyle = 'draft' } = options
  const limits = createLimits({ policies, store, quotas, processes, fieldStyle, counts })
  return { limits, clock, counts }
}

export function requestOf(options: Partial<LimitedRequest> & { address?: string } = {}): LimitedRequest {
  const { address = '192.0.2.1', method = 'GET', path = '/guid/1', service = 'guid' } = options
  const { hasCredentials = false } = options
  return { client: { address, key: address }, method, path, service, hasCredentials }
}

export function principalOf(id: string, options: Partial<Principal> = {}): Principal {
  return { id, kind: 'key', scopes: new Set(), plan: undefined, expiresAt: undefined, ...options }
}
