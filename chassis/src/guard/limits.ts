import { createSlots } from './concurrency-slots.ts'
import type { Decision, LimitedRequest, Limits, Principal } from './context.ts'
import {
  emptyEvaluation,
  evaluateQuotas,
  evaluateRates,
  isRefused,
  refusalOf,
  takeSlots,
} from './limit-evaluation.ts'
import type { Evaluation } from './limit-evaluation.ts'
import { limitFields } from './limit-fields.ts'
import type { Standing } from './limit-fields.ts'
import type { LimitCounts } from './limit-metrics.ts'
import type { LimitPolicy, LimitUnit, PolicySource } from './policies.ts'
import type { Quotas, Spending } from './quotas.ts'
import { partitionOf } from './request-partition.ts'
import type { LimitStore } from './store.ts'

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
  byLogin(
    request: Omit<LimitedRequest, 'path' | 'hasCredentials'>,
    account: string,
  ): LimitDecision | Promise<LimitDecision>
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

const unlimited: LimitDecision = { refusal: undefined, fields: [] }

export function createLimits(parts: LimitsParts): RequestLimits {
  const { policies, store, quotas, fieldStyle, counts } = parts
  const slots = createSlots(parts.processes)

  function decisionOf(
    evaluation: Evaluation,
    before: readonly Standing[] = [],
    release?: () => void,
  ): LimitDecision {
    const standings = before.length === 0 ? evaluation.standings : [...before, ...evaluation.standings]
    const fields = limitFields(standings, fieldStyle)
    const refusal = refusalOf(evaluation)
    if (refusal !== undefined) release?.()
    return refusal === undefined && release !== undefined
      ? { refusal, fields, standings, release }
      : { refusal, fields, standings }
  }

  function decideRates(
    units: readonly LimitUnit[],
    then: (evaluation: Evaluation) => LimitDecision,
    evaluation = emptyEvaluation(),
  ): LimitDecision | Promise<LimitDecision> {
    if (units.length === 0) return then(evaluation)
    const levels = store.decide(units)
    if (levels instanceof Promise)
      return levels.then((found) => then(evaluateRates(units, found, evaluation, counts, store.isDegraded())))
    return then(evaluateRates(units, levels, evaluation, counts, store.isDegraded()))
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
      return decideRates(units, (evaluation) => decisionOf(evaluation))
    },
    byPrincipal(request, principal, before = unlimited) {
      const { concurrent, quotas: quotaPolicies, byPrincipal } = policies.current()
      if (byPrincipal.length + quotaPolicies.length + concurrent.length === 0 || isProbe(request))
        return before
      const rateUnits = unitsOf(byPrincipal, request, principal)
      const quotaUnits = unitsOf(quotaPolicies, request, principal)
      const slotUnits = unitsOf(concurrent, request, principal)
      if (rateUnits.length + quotaUnits.length + slotUnits.length === 0) return before
      const evaluation = emptyEvaluation()
      const release = slotUnits.length === 0 ? undefined : takeSlots(slotUnits, evaluation, { slots, counts })
      if (isRefused(evaluation)) return decisionOf(evaluation, before.standings, release)
      const withQuotas = (spent: readonly Spending[]) => {
        const undo = () => {
          for (const one of spent) one.undo()
        }
        evaluateQuotas(quotaUnits, spent, evaluation, counts)
        const units = isRefused(evaluation) ? [] : rateUnits
        return decideRates(
          units,
          (found) => {
            if (isRefused(found)) undo()
            return decisionOf(found, before.standings, release)
          },
          evaluation,
        )
      }
      const spent = spend(quotaUnits)
      return spent instanceof Promise ? spent.then(withQuotas) : withQuotas(spent)
    },
    byLogin(request, account) {
      const units = unitsOf(policies.current().login, { ...request, path: '' }, undefined, account)
      return decideRates(units, (evaluation) => decisionOf(evaluation))
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

/**
 * A probe must not fail because many clients share its address. It needs no credentials, and where a request has some it is counted like
 * all others, since they could be guessed here without a limit.
 */
function isProbe({ path, hasCredentials }: LimitedRequest): boolean {
  return !hasCredentials && (path === '/health/live' || path === '/health/ready')
}

function unitsOf(
  policies: readonly LimitPolicy[],
  request: Omit<LimitedRequest, 'hasCredentials'>,
  principal?: Principal,
  account?: string,
): LimitUnit[] {
  const units: LimitUnit[] = []
  // A HEAD costs what its GET does.
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const mayClose = !showsState.has(request.path)
  for (const policy of policies) {
    if (!policy.isFor(method, request.path)) continue
    const partition = partitionOf(policy, request, principal, account)
    if (partition === undefined) continue
    const unit = policy.unitOf(partition)
    units.push(mayClose ? unit : withoutClosing(unit))
  }
  return units
}

/** Paths that show whether limits can be counted, and so respond also while they cannot. */
const showsState = new Set(['/health', '/metrics'])

/** While the store does not respond, this process counts by itself, and a quota admits what it cannot reserve. */
function withoutClosing(unit: LimitUnit): LimitUnit {
  const { key, policy } = unit
  if (policy.kind === 'quota') return { key, policy: { ...policy, degraded: 'open' } }
  return policy.degraded === 'closed' ? { key, policy: { ...policy, degraded: 'local' } } : unit
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
