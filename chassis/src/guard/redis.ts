import { createClient, defineScript } from '@redis/client'
import { redisClientOptions } from '../cache/redis/client-options.ts'
import { TimeoutError, withTimeout } from '../clock/index.ts'
import { createBatcher, watchLiveness } from '../concurrency/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import { areAdmitted, decisionScript, hasRoom } from './gcra.ts'
import type { Unit } from './gcra.ts'
import type { MemoryStore } from './memory.ts'
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
  /** Counts while Redis does not respond; it is kept up to date with what Redis says. */
  readonly local: MemoryStore
  readonly logger: FailureLogger | undefined
  readonly observe?: (seconds: number) => void
  /** In a test, the time in the place of that of Redis. */
  readonly nowUs?: () => number
  readonly replyBudgetMs?: number
}

/** A request that waits for Redis; one that is charged has nobody who waits. */
type Pending = {
  readonly units: readonly Unit[]
  readonly kind: 'decide' | 'charge'
  readonly addedAt: number
  isSettled: boolean
  settle(levels: Levels): void
}

/**
 * Limits in Redis, for several processes together. The requests of one turn of the event loop travel as one call. When Redis does
 * not respond within its budget, or fails, each policy says what happens instead: it counts in this process, admits all, or refuses
 * all. Resolves after the first attempt to connect, whether or not that succeeded.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<LimitStore> {
  const { url, local, logger, observe, nowUs, replyBudgetMs = defaultReplyBudgetMs } = options
  const client = createClient({ url, scripts, ...redisClientOptions })
  const log = createFailureLog(logger, {
    failing: 'Redis does not respond in time for limits, which are counted as RATE_LIMIT_DEGRADED says',
    recovered: 'limits are counted in Redis again',
  })
  const firstAttempt = Promise.withResolvers<void>()
  const batcher = createBatcher<Pending>(send, batcherLimits)
  let pending: Pending[] = []
  let isUp = false
  let isClosed = false
  let lastError: unknown
  let budgetTimer: NodeJS.Timeout | undefined
  let retryTimer: NodeJS.Timeout | undefined
  let probing: Promise<void> | undefined
  let stopWatching = () => {}
  /** Until then Redis, which may have come back empty, is told what this process has counted. */
  let tellsLevelsUntil = 0
  let largestCapacityUs = 0

  client.on('error', (error) => {
    lastError = error
    fail(error)
  })
  for (const event of ['end', 'reconnecting', 'ready'] as const)
    client.on(event, () => {
      stopWatching()
      if (event !== 'ready') return
      stopWatching = watchLiveness({ ping: () => client.ping(), onSilent: reconnect })
      void probe()
    })
  connect()
  await firstAttempt.promise

  function connect(): void {
    client.connect().catch(() => {})
  }

  function reconnect(): void {
    if (isClosed || !client.isReady) return
    client.destroy()
    connect()
  }

  /** Tries whether decisions are made in time. */
  function probe(): Promise<void> {
    clearTimeout(retryTimer)
    probing ??= withTimeout(replyBudgetMs, decideInRedis([probeRequest]))
      .then(succeed, (error: unknown) => fail(client.isReady ? error : (lastError ?? error)))
      .finally(() => {
        probing = undefined
      })
    return probing
  }

  function succeed(): void {
    if (isClosed) return
    isUp = true
    tellsLevelsUntil = performance.now() + largestCapacityUs / 1_000
    log.succeeded()
    firstAttempt.resolve()
  }

  /** Decides what waits without Redis. */
  function fail(error: unknown): void {
    if (isClosed) return
    isUp = false
    log.failed(error)
    firstAttempt.resolve()
    const given = pending
    pending = []
    for (const one of given) if (!one.isSettled) decideAlone(one)
    clearTimeout(retryTimer)
    retryTimer = setTimeout(() => void probe(), retryIntervalMs).unref()
  }

  function decideAlone(one: Pending): void {
    one.isSettled = true
    if (one.kind === 'charge') local.charge(one.units.filter(isLocal))
    else one.settle(decideWithoutRedis(one.units, local))
  }

  async function send(batch: readonly Pending[]): Promise<void> {
    const requests = batch.filter(({ isSettled }) => !isSettled)
    if (requests.length === 0) return
    const sentAt = performance.now()
    try {
      const levels = await decideInRedis(requests)
      observe?.((performance.now() - sentAt) / 1_000)
      let at = 0
      for (const one of requests) {
        settle(one, levels.slice(at, at + one.units.length))
        at += one.units.length
      }
    } catch (error) {
      fail(error)
    }
  }

  function decideInRedis(requests: readonly Pick<Pending, 'units' | 'kind'>[]): Promise<number[]> {
    const tellsLevels = performance.now() < tellsLevelsUntil
    const keys: string[] = []
    const words: string[] = [nowUs === undefined ? '' : String(nowUs())]
    for (const { units, kind } of requests) {
      words.push(String(units.length), kind)
      for (const unit of units) {
        const { rate, isDry } = unit.policy
        keys.push(limitKeyPrefix + unit.key)
        words.push(String(rate.capacityUs), String(rate.costUs))
        words.push(tellsLevels ? String(local.levelOf(unit)) : '0', isDry ? '1' : '0')
        largestCapacityUs = Math.max(largestCapacityUs, rate.capacityUs)
      }
    }
    return client.decide(keys, words)
  }

  /** Late ones have been decided, and are counted twice. */
  function settle(one: Pending, levels: readonly number[]): void {
    if (one.isSettled) return
    one.isSettled = true
    keepWarm(one, levels)
    one.settle({ levels, isShare: false })
  }

  function keepWarm({ units, kind }: Pending, levels: readonly number[]): void {
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

  function add(units: readonly Unit[], kind: Pending['kind'], resolve: Pending['settle']): void {
    const one: Pending = { units, kind, addedAt: performance.now(), isSettled: false, settle: resolve }
    pending.push(one)
    startBudget(replyBudgetMs)
    batcher.add(one)
  }

  /** One timer while something waits. Replies that have arrived are read first: a process that was busy itself does not take Redis for slow. */
  function startBudget(ms: number): void {
    budgetTimer ??= setTimeout(() => setImmediate(checkBudget), ms).unref()
  }

  function checkBudget(): void {
    budgetTimer = undefined
    const first = pending.findIndex(({ isSettled }) => !isSettled)
    pending.splice(0, first < 0 ? pending.length : first)
    const [oldest] = pending
    if (oldest === undefined) return
    const leftMs = oldest.addedAt + replyBudgetMs - performance.now()
    if (leftMs > 0) startBudget(leftMs)
    else fail(new TimeoutError(`There was no response within ${replyBudgetMs} ms.`))
  }

  return {
    decide(units) {
      if (!isUp) return decideWithoutRedis(units, local)
      return new Promise((resolve) => add(units, 'decide', resolve))
    },
    charge(units) {
      if (isUp) add(units, 'charge', () => {})
      else local.charge(units.filter(isLocal))
    },
    isDegraded: () => !isUp,
    size: local.size,
    async close() {
      if (isClosed) return
      const given = pending
      pending = []
      for (const one of given) if (!one.isSettled) decideAlone(one)
      isUp = false
      isClosed = true
      stopWatching()
      clearTimeout(budgetTimer)
      clearTimeout(retryTimer)
      client.destroy()
    },
  }
}

const scripts = {
  decide: defineScript({
    SCRIPT: decisionScript,
    parseCommand(
      parser: { pushKeysLength(keys: string[]): unknown; push(...words: string[]): unknown },
      keys: string[],
      words: string[],
    ) {
      parser.pushKeysLength(keys)
      parser.push(...words)
    },
    transformReply: (reply: number[]) => reply,
  }),
}

/** Needs what any decision needs, a Redis that can be written included. */
const probeRate = { intervalUs: 1_000, costUs: 1_000, capacityUs: 1_000 }
const probePolicy = { name: '', rate: probeRate, share: probeRate, isDry: true, degraded: 'open' } as const
const probeRequest = { units: [{ key: 'probe', policy: probePolicy }], kind: 'charge' } as const

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
