import { AppError, dependencyDown } from '../errors/index.ts'
import type { Decision, LimitedRequest, Limits, Principal, Refusal } from './context.ts'
import { hasRoom } from './gcra.ts'
import { limitFields } from './limit-fields.ts'
import type { Standing } from './limit-fields.ts'
import type { LimitCounts } from './limit-metrics.ts'
import type { LimitPolicy, PolicySource } from './policies.ts'
import type { Quotas, Spending } from './quotas.ts'
import { partitionOf } from './request-partition.ts'
import { createSlots } from './concurrency-slots.ts'
import type { Levels, LimitStore } from './store.ts'

/**
 * The limits and quotas of an app. All policies that match a request apply, and the tightest answers; what one of them refuses counts by
 * none of those that are decided with it. No promise unless Redis or the database of quotas must be waited for; it never rejects.
 */
export type RequestLimits = Omit<Limits, 'byPrincipal'> & {
  /** By who sends it: rates, quotas and concurrent requests. Its fields have those of the decision before. */
  byPrincipal(
    request: LimitedRequest,
    principal: Principal | undefined,
    before?: LimitDecision,
  ): LimitDecision | Promise<LimitDecision>
  /** Of an attempt to log in, before a password is hashed; the account need not exist. */
  byLogin(request: Omit<LimitedRequest, 'path'>, account: string): LimitDecision | Promise<LimitDecision>
  /** Whether limits or quotas are counted otherwise than they should, since a server does not respond. */
  isDegraded(): boolean
}

/** A decision with what its fields were made of, for those of the next one. */
type LimitDecision = Decision & { readonly standings?: readonly Standing[] }

type LimitsParts = {
  readonly policies: PolicySource
  readonly store: LimitStore
  readonly quotas: Quotas
  readonly processes: number
  readonly fieldStyle: 'draft' | 'legacy' | 'off'
  readonly counts: LimitCounts
}

type LimitUnit = { readonly key: string; readonly policy: LimitPolicy }

/** What the policies say together. */
type Verdict = {
  readonly standings: Standing[]
  /** The names of those that refuse. */
  readonly violated: string[]
  retryAfterSeconds: number
  /** Whether one of them refuses since it cannot be counted. */
  isUnavailable: boolean
}

const unlimited: LimitDecision = { refusal: undefined, fields: [] }

export function createLimits(parts: LimitsParts): RequestLimits {
  const { policies, store, quotas, fieldStyle, counts } = parts
  const slots = createSlots(parts.processes)

  function decisionOf(
    verdict: Verdict,
    before: readonly Standing[] = [],
    release?: () => void,
  ): LimitDecision {
    const standings = before.length === 0 ? verdict.standings : [...before, ...verdict.standings]
    const fields = limitFields(standings, fieldStyle)
    const refusal = refusalOf(verdict)
    if (refusal !== undefined) release?.()
    return refusal === undefined && release !== undefined
      ? { refusal, fields, standings, release }
      : { refusal, fields, standings }
  }

  function decideRates(
    units: readonly LimitUnit[],
    then: (verdict: Verdict) => LimitDecision,
    verdict = emptyVerdict(),
  ): LimitDecision | Promise<LimitDecision> {
    if (units.length === 0) return then(verdict)
    const levels = store.decide(units)
    if (levels instanceof Promise)
      return levels.then((found) => then(judgeRates(units, found, verdict, counts, store.isDegraded())))
    return then(judgeRates(units, levels, verdict, counts, store.isDegraded()))
  }

  function spend(
    units: readonly LimitUnit[],
    spent: Spending[] = [],
  ): readonly Spending[] | Promise<readonly Spending[]> {
    for (let i = spent.length; i < units.length; i++) {
      const unit = units[i]
      if (unit === undefined) break
      const spending = quotas.spend(unit)
      if (spending instanceof Promise)
        return spending.then((one) => {
          spent.push(one)
          return spend(units, spent)
        })
      spent.push(spending)
    }
    return spent
  }

  return {
    byClient(request) {
      const units = isProbe(request) ? [] : unitsOf(policies.current().byClient, request)
      if (units.length === 0) return unlimited
      return decideRates(units, (verdict) => decisionOf(verdict))
    },
    byPrincipal(request, principal, before = unlimited) {
      if (isProbe(request)) return before
      const { concurrent, quotas: quotaPolicies, byPrincipal } = policies.current()
      const rateUnits = unitsOf(byPrincipal, request, principal)
      const quotaUnits = unitsOf(quotaPolicies, request, principal)
      const slotUnits = unitsOf(concurrent, request, principal)
      if (rateUnits.length + quotaUnits.length + slotUnits.length === 0) return before
      const verdict = emptyVerdict()
      const release = slotUnits.length === 0 ? undefined : takeSlots(slotUnits, verdict, { slots, counts })
      if (isRefused(verdict)) return decisionOf(verdict, before.standings, release)
      const withQuotas = (spent: readonly Spending[]) => {
        const undo = () => {
          for (const one of spent) one.undo()
        }
        judgeQuotas(quotaUnits, spent, verdict, counts)
        const units = isRefused(verdict) ? [] : rateUnits
        return decideRates(
          units,
          (found) => {
            if (isRefused(found)) undo()
            return decisionOf(found, before.standings, release)
          },
          verdict,
        )
      }
      const spent = spend(quotaUnits)
      return spent instanceof Promise ? spent.then(withQuotas) : withQuotas(spent)
    },
    byLogin(request, account) {
      const units = unitsOf(policies.current().login, { ...request, path: '' }, undefined, account)
      return decideRates(units, (verdict) => decisionOf(verdict))
    },
    charge(request, units) {
      const charged = unitsOf(policies.current().byClient, request)
      if (charged.length > 0) store.charge(charged.map((unit) => withUnits(unit, units)))
    },
    isDegraded: () => store.isDegraded() || quotas.isDegraded(),
    async close() {
      await quotas.close()
      await store.close()
    },
  }
}

/** What watches a process must not take it for dead when many clients share its address. */
function isProbe({ path }: LimitedRequest): boolean {
  return path === '/health/live' || path === '/health/ready'
}

function unitsOf(
  policies: readonly LimitPolicy[],
  request: LimitedRequest,
  principal?: Principal,
  account?: string,
): LimitUnit[] {
  const units: LimitUnit[] = []
  // A HEAD costs what its GET does.
  const method = request.method === 'HEAD' ? 'GET' : request.method
  for (const policy of policies) {
    if (!policy.isFor(method, request.path)) continue
    const partition = partitionOf(policy, request, principal, account)
    if (partition !== undefined) units.push({ key: policy.keyPrefix + partition, policy })
  }
  return units
}

function withUnits({ key, policy }: LimitUnit, units: number): LimitUnit {
  const { rate, share } = policy
  return {
    key,
    policy: {
      ...policy,
      rate: { ...rate, costUs: rate.intervalUs * units },
      share: { ...share, costUs: share.intervalUs * units },
    },
  }
}

function emptyVerdict(): Verdict {
  return { standings: [], violated: [], retryAfterSeconds: 0, isUnavailable: false }
}

const isRefused = ({ violated, isUnavailable }: Verdict) => violated.length > 0 || isUnavailable

function violate(verdict: Verdict, name: string, retryAfterSeconds: number): void {
  verdict.violated.push(name)
  verdict.retryAfterSeconds = Math.max(verdict.retryAfterSeconds, retryAfterSeconds)
}

function judgeRates(
  units: readonly LimitUnit[],
  { levels, isShare }: Levels,
  verdict: Verdict,
  counts: LimitCounts,
  isDegraded: boolean,
): Verdict {
  for (let i = 0; i < units.length; i++) {
    const policy = units[i]?.policy
    if (policy === undefined) continue
    const levelUs = levels[i]
    const rate = isShare ? policy.share : policy.rate
    if (levelUs === undefined) {
      if (policy.degraded === 'closed' && !policy.isDry) verdict.isUnavailable = true
    } else if (!hasRoom(levelUs, rate)) {
      counts.add(policy.name, policy.isDry ? 'would_refuse' : 'refused')
      const waitUs = levelUs + rate.costUs - rate.capacityUs
      if (!policy.isDry) violate(verdict, policy.name, wholeSeconds(waitUs))
    }
  }
  const isCounted = !isRefused(verdict)
  for (let i = 0; i < units.length; i++) {
    const policy = units[i]?.policy
    if (policy === undefined) continue
    const levelUs = levels[i]
    const rate = isShare ? policy.share : policy.rate
    if (levelUs === undefined) {
      counts.add(policy.name, 'degraded')
      continue
    }
    const isFilled = isCounted && hasRoom(levelUs, rate)
    if (isFilled) counts.add(policy.name, isDegraded ? 'degraded' : 'allowed')
    if (policy.isDry) continue
    const afterUs = isFilled ? levelUs + rate.costUs : levelUs
    const remaining = Math.floor((rate.capacityUs - afterUs) / rate.intervalUs)
    // Until there is one more unit than now.
    const waitUs = afterUs + (remaining + 1) * rate.intervalUs - rate.capacityUs
    const resetSeconds = afterUs === 0 ? undefined : wholeSeconds(waitUs)
    verdict.standings.push({ policy, remaining, resetSeconds })
  }
  return verdict
}

/** Takes what is free of all, unless one refuses; returns what gives it back. */
function takeSlots(
  units: readonly LimitUnit[],
  verdict: Verdict,
  { slots, counts }: { slots: ReturnType<typeof createSlots>; counts: LimitCounts },
): () => void {
  const taken = units.map((unit) => ({ unit, isFree: slots.isFree(unit) }))
  for (const { unit, isFree } of taken) {
    if (isFree) continue
    counts.add(unit.policy.name, unit.policy.isDry ? 'would_refuse' : 'refused')
    if (!unit.policy.isDry) violate(verdict, unit.policy.name, 1)
  }
  const admitted = isRefused(verdict) ? [] : taken.filter(({ isFree }) => isFree)
  for (const { unit } of admitted) {
    slots.take(unit)
    counts.add(unit.policy.name, 'allowed')
  }
  for (const { unit } of taken)
    if (!unit.policy.isDry)
      verdict.standings.push({
        policy: unit.policy,
        remaining: slots.freeOf(unit),
        resetSeconds: undefined,
      })
  let isReleased = false
  return () => {
    if (isReleased) return
    isReleased = true
    for (const { unit } of admitted) slots.release(unit)
  }
}

function judgeQuotas(
  units: readonly LimitUnit[],
  spent: readonly Spending[],
  verdict: Verdict,
  counts: LimitCounts,
): void {
  for (let i = 0; i < units.length; i++) {
    const policy = units[i]?.policy
    const spending = spent[i]
    if (policy === undefined || spending === undefined) continue
    const { isAdmitted, remaining, resetSeconds } = spending
    if (isAdmitted === undefined) {
      counts.add(policy.name, 'degraded')
      // What cannot be reserved may be more than there is, so only `open` spends it.
      if (policy.degraded !== 'open' && !policy.isDry) verdict.isUnavailable = true
      continue
    }
    if (isAdmitted) counts.add(policy.name, 'allowed')
    else counts.add(policy.name, policy.isDry ? 'would_refuse' : 'refused')
    if (policy.isDry) continue
    if (!isAdmitted) violate(verdict, policy.name, resetSeconds)
    verdict.standings.push({ policy, remaining, resetSeconds })
  }
}

/** At least one: a client that comes back at once would be refused again. */
function wholeSeconds(us: number): number {
  return Math.max(1, Math.ceil(us / 1_000_000))
}

function refusalOf(verdict: Verdict): Refusal | undefined {
  const { violated, retryAfterSeconds, isUnavailable } = verdict
  if (violated.length > 0) {
    const names = violated.map((name) => `"${name}"`).join(' and ')
    const detail = `The limit ${names} is reached; try again in ${retryAfterSeconds} s.`
    const options = { violatedPolicies: violated, retryAfterSeconds }
    return { error: new AppError('quota_exceeded', detail, options), fields: [] }
  }
  if (!isUnavailable) return undefined
  return { error: dependencyDown('Limits cannot be counted at the moment; try again shortly.'), fields: [] }
}
