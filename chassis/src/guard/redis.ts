import { TimeoutError, withTimeout } from '../clock/index.ts'
import { createBatcher } from '../concurrency/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import { areAdmitted, hasRoom } from './gcra.ts'
import type { Unit } from './gcra.ts'
import type { MemoryStore } from './memory.ts'
import { createPendingDecisions } from './pending-decisions.ts'
import type { Pending } from './pending-decisions.ts'
import { connectLimitRedis } from './redis-client.ts'
import type { Levels, LimitStore } from './store.ts'

/** Past this, the requests that wait for Redis are decided without it, and so are all that follow. */
const defaultReplyBudgetMs = 50
/** How often it is then tried again. */
const retryIntervalMs = 1_000
const batcherLimits = { batchesInFlightMax: 2, batchSizeMax: 500 }

/** What Redis keys of limits begin with. */
export const limitKeyPrefix = 'quintet:limit:'

type RedisStoreOptions = {
  readonly url: string
  /** Counts while Redis does not respond; it is kept up to date with what Redis has counted. */
  readonly local: MemoryStore
  readonly logger: FailureLogger | undefined
  readonly observe?: (seconds: number) => void
  /** In a test, the time in the place of that of Redis. */
  readonly nowUs?: () => number
  readonly replyBudgetMs?: number
}

/**
 * Limits in Redis, for several processes together. The requests of one turn of the event loop travel as one call. When Redis does
 * not respond within its budget, or fails, `degraded` of each policy is what happens instead: it counts in this process, admits all, or refuses
 * all. Resolves after the first attempt to connect, whether or not that succeeded.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<LimitStore> {
  const { url, local, logger, observe, replyBudgetMs = defaultReplyBudgetMs } = options
  const log = createFailureLog(logger, {
    failing: 'Redis does not respond in time for limits, which are counted as RATE_LIMIT_DEGRADED says',
    recovered: 'limits are counted in Redis again',
  })
  const firstAttempt = Promise.withResolvers<void>()
  const batcher = createBatcher<Pending>(send, batcherLimits)
  const pending = createPendingDecisions({
    budgetMs: replyBudgetMs,
    onLate: () => fail(new TimeoutError(`There was no response within ${replyBudgetMs} ms.`)),
  })
  let state: 'up' | 'down' | 'closed' = 'down'
  let retryTimer: NodeJS.Timeout | undefined
  let probing: Promise<void> | undefined
  const redis = connectLimitRedis(url, { onReady: () => void probe(), onError: fail })
  const caller = createCaller(redis.decide, options)
  await firstAttempt.promise

  /** Tries whether decisions are made in time. */
  function probe(): Promise<void> {
    clearTimeout(retryTimer)
    probing ??= withTimeout(replyBudgetMs, caller.call([probeRequest]))
      .then(succeed, (error: unknown) => fail(redis.connectionError() ?? error))
      .finally(() => {
        probing = undefined
      })
    return probing
  }

  function succeed(): void {
    if (state === 'closed') return
    state = 'up'
    caller.sendLevels()
    log.succeeded()
    firstAttempt.resolve()
  }

  /** Decides what waits without Redis. */
  function fail(error: unknown): void {
    if (state === 'closed') return
    state = 'down'
    log.failed(error)
    firstAttempt.resolve()
    for (const one of pending.takeAll()) settleAlone(one, local)
    clearTimeout(retryTimer)
    retryTimer = setTimeout(() => void probe(), retryIntervalMs).unref()
  }

  async function send(batch: readonly Pending[]): Promise<void> {
    const requests = batch.filter(({ isSettled }) => !isSettled)
    if (requests.length === 0) return
    const sentAt = performance.now()
    try {
      const levels = await caller.call(requests)
      observe?.((performance.now() - sentAt) / 1_000)
      let at = 0
      for (const one of requests) {
        settle(one, levels.slice(at, at + one.units.length), local)
        at += one.units.length
      }
    } catch (error) {
      fail(error)
    }
  }

  function add(units: readonly Unit[], kind: Pending['kind'], resolve: Pending['settle']): void {
    const one: Pending = { units, kind, addedAt: performance.now(), isSettled: false, settle: resolve }
    pending.add(one)
    batcher.add(one)
  }

  return {
    decide(units) {
      if (state !== 'up') return decideWithoutRedis(units, local)
      return new Promise((resolve) => add(units, 'decide', resolve))
    },
    charge(units) {
      if (state === 'up') add(units, 'charge', () => {})
      else local.charge(units.filter(isLocal))
    },
    isDegraded: () => state !== 'up',
    size: local.size,
    async close() {
      if (state === 'closed') return
      state = 'closed'
      for (const one of pending.takeAll()) settleAlone(one, local)
      pending.stop()
      clearTimeout(retryTimer)
      redis.close()
    },
  }
}

/** Calls the script. To a Redis that may have come back empty it sends what this process has counted, for as long as that may matter. */
function createCaller(
  decide: (keys: string[], words: string[]) => Promise<number[]>,
  { local, nowUs }: Pick<RedisStoreOptions, 'local' | 'nowUs'>,
) {
  let sendsLevelsUntil = 0
  let largestCapacityUs = 0
  return {
    sendLevels(): void {
      sendsLevelsUntil = performance.now() + largestCapacityUs / 1_000
    },
    call(requests: readonly Pick<Pending, 'units' | 'kind'>[]): Promise<number[]> {
      const sendsLevels = performance.now() < sendsLevelsUntil
      const keys: string[] = []
      const words: string[] = [nowUs === undefined ? '' : String(nowUs())]
      for (const { units, kind } of requests) {
        words.push(String(units.length), kind)
        for (const unit of units) {
          const { rate, isDry } = unit.policy
          keys.push(limitKeyPrefix + unit.key)
          words.push(String(rate.capacityUs), String(rate.costUs))
          words.push(sendsLevels ? String(local.levelOf(unit)) : '0', isDry ? '1' : '0')
          largestCapacityUs = Math.max(largestCapacityUs, rate.capacityUs)
        }
      }
      return decide(keys, words)
    },
  }
}

/** Needs what any decision needs, a Redis that can be written included. */
const probeRate = { intervalUs: 1_000, costUs: 1_000, capacityUs: 1_000 }
const probePolicy = { name: '', rate: probeRate, share: probeRate, isDry: true, degraded: 'open' } as const
const probeRequest = { units: [{ key: 'probe', policy: probePolicy }], kind: 'charge' } as const

/** A late one has been decided, and is counted twice. */
function settle(one: Pending, levels: readonly number[], local: MemoryStore): void {
  if (one.isSettled) return
  one.isSettled = true
  keepWarm(one, levels, local)
  one.settle({ levels, isShare: false })
}

function keepWarm({ units, kind }: Pending, levels: readonly number[], local: MemoryStore): void {
  const isCounted = kind === 'charge' || areAdmitted(units, levels, false)
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]
    const levelUs = levels[i] ?? 0
    if (unit === undefined) continue
    const { rate } = unit.policy
    const isFilled = isCounted && (kind === 'charge' || hasRoom(levelUs, rate))
    local.raise(unit, isFilled ? Math.min(levelUs + rate.costUs, rate.capacityUs) : levelUs)
  }
}

function settleAlone(one: Pending, local: MemoryStore): void {
  one.isSettled = true
  if (one.kind === 'charge') local.charge(one.units.filter(isLocal))
  else one.settle(decideWithoutRedis(one.units, local))
}

const isLocal = ({ policy }: Unit) => policy.degraded === 'local'

/** Units that are not counted have no level: `open` admits, `closed` refuses, and then nothing is counted. */
function decideWithoutRedis(units: readonly Unit[], local: MemoryStore): Levels {
  const counted = units.filter(isLocal)
  const isRefused = units.some(({ policy }) => policy.degraded === 'closed' && !policy.isDry)
  if (isRefused) return { levels: units.map(() => undefined), isShare: true }
  const { levels, isShare } = local.decide(counted)
  if (counted.length === units.length) return { levels, isShare }
  let at = 0
  return { isShare, levels: units.map((unit) => (isLocal(unit) ? levels[at++] : undefined)) }
}
