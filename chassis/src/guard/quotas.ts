import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { createShared } from '../concurrency/index.ts'
import { startSweeper } from '../sweeper/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { periodAt } from './quota-period.ts'
import type { Period } from './quota-period.ts'
import type { QuotaKey, QuotaStore } from './quota-table.ts'

/** A quota that a request is counted by. */
type QuotaUnit = {
  readonly key: string
  readonly policy: { readonly quota: number; readonly cost: number; readonly period: 'day' | 'month' }
}

/** `isAdmitted` is undefined where that cannot be found out, since the database does not respond. */
export type Spending = {
  readonly isAdmitted: boolean | undefined
  /** How many units may still be spent, as far as this process sees: others may have reserved some of them, and not spent them. */
  readonly remaining: number
  readonly resetSeconds: number
  /** Undoes it, where the request is refused all the same. */
  undo(): void
}

export type Quotas = {
  /** Spends the cost of a request. A promise only where units must be reserved first. */
  spend(unit: QuotaUnit): Spending | Promise<Spending>
  /** Opens the database, so that the first request need not wait for that. */
  open(): Promise<void>
  isDegraded(): boolean
  /** Gives back what is not spent. */
  close(): Promise<void>
}

/** Units reserved at a time: a hundredth of the quota, so that a process that is killed loses no more than that. */
const shareOfBlock = 100
const blockMax = 1_000
/** How long an exhausted quota is not looked at again. It may get units back from a process that ends, or be raised. */
const exhaustedMs = 1_000
const entriesMax = 100_000

/** What this process has reserved of a quota in a period. */
type Entry = QuotaKey & {
  readonly limit: number
  left: number
  /** By all processes, as it was last seen. */
  reserved: number
  exhaustedUntilMs: number
  reserving: Promise<void> | undefined
}

/**
 * Quotas of calendar days and months in a database. Units are reserved there, durably, before they are spent from memory: so more than the
 * quota is never spent, whatever process ends how, and a process that is killed takes at most one block with it, unspent.
 */
export function createQuotas({
  open,
  clock,
  logger,
}: {
  open: () => Promise<QuotaStore>
  clock: Clock
  logger: Logger
}): Quotas {
  const entries = new Map<string, Entry>()
  const durations = durationClockOf(clock)
  const log = createFailureLog(logger, {
    failing:
      'the database of quotas does not respond: what is reserved is still spent, and then the `degraded` of each policy decides',
    recovered: 'the database of quotas responds again',
  })
  let opened: QuotaStore | undefined
  let isDegraded = false
  let stopSweeping = async () => {}
  const opening = createShared(async () => {
    if (opened !== undefined) return opened
    opened = await open()
    const store = opened
    stopSweeping = startSweeper([(limit) => store.sweep(clock.now(), limit)], logger).stop
    return store
  })

  function fail(error: unknown): void {
    isDegraded = true
    log.failed(error)
  }

  function entryOf({ key, policy }: QuotaUnit): Entry {
    const period = periodAt(clock.now(), policy.period)
    const known = entries.get(key)
    if (known?.period.name === period.name && known.limit === policy.quota) return known
    if (known !== undefined) leave(known)
    else if (entries.size >= entriesMax) forgetOldest()
    const entry = {
      id: key,
      period,
      limit: policy.quota,
      left: 0,
      reserved: 0,
      exhaustedUntilMs: Number.NEGATIVE_INFINITY,
      reserving: undefined,
    }
    entries.set(key, entry)
    return entry
  }

  /** Its units are given back, if the period is not over. */
  function leave(entry: Entry): void {
    const units = entry.left
    entry.left = 0
    if (units > 0) opened?.giveBack([{ ...entry, units }]).catch(log.failed)
  }

  function forgetOldest(): void {
    const [oldest] = entries.values()
    if (oldest === undefined) return
    entries.delete(oldest.id)
    leave(oldest)
  }

  function take(entry: Entry, cost: number): Spending | undefined {
    if (entry.left >= cost) {
      entry.left -= cost
      const undo = () => {
        entry.left += cost
      }
      return { ...spending(entry, true), undo }
    }
    return entry.exhaustedUntilMs > durations.now() ? spending(entry, false) : undefined
  }

  function spending(entry: Entry, isAdmitted: boolean | undefined): Spending {
    const remaining = Math.max(0, entry.limit - entry.reserved) + entry.left
    return { isAdmitted, remaining, resetSeconds: secondsUntil(entry.period, clock.now()), undo: () => {} }
  }

  async function reserveAndTake(entry: Entry, cost: number): Promise<Spending> {
    try {
      for (;;) {
        const taken = take(entry, cost)
        if (taken !== undefined) return taken
        entry.reserving ??= reserve(entry, cost).finally(() => {
          entry.reserving = undefined
        })
        await entry.reserving
      }
    } catch (error) {
      fail(error)
      return spending(entry, undefined)
    }
  }

  async function reserve(entry: Entry, cost: number): Promise<void> {
    const units = Math.max(cost - entry.left, Math.min(blockMax, Math.floor(entry.limit / shareOfBlock)))
    const store = await opening()
    const { granted, reserved } = await store.reserve(entry, units, entry.limit)
    isDegraded = false
    log.succeeded()
    entry.left += granted
    entry.reserved = reserved
    if (entry.left < cost) entry.exhaustedUntilMs = durations.now() + exhaustedMs
  }

  return {
    spend(unit) {
      const entry = entryOf(unit)
      return take(entry, unit.policy.cost) ?? reserveAndTake(entry, unit.policy.cost)
    },
    async open() {
      await opening().catch(fail)
    },
    isDegraded: () => isDegraded,
    async close() {
      const now = clock.now()
      const unspent = [...entries.values()].filter(({ left, period }) => left > 0 && period.endsAtMs > now)
      entries.clear()
      await stopSweeping()
      if (opened === undefined) return
      await opened.giveBack(unspent.map((entry) => ({ ...entry, units: entry.left }))).catch(log.failed)
      await opened.close()
    },
  }
}

function secondsUntil({ endsAtMs }: Period, nowMs: number): number {
  return Math.max(1, Math.ceil((endsAtMs - nowMs) / 1_000))
}
