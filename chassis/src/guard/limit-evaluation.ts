import { AppError, dependencyDown } from '../errors/index.ts'
import type { createSlots } from './concurrency-slots.ts'
import type { Refusal } from './context.ts'
import { hasRoom } from './gcra.ts'
import type { Standing } from './limit-fields.ts'
import type { LimitCounts } from './limit-metrics.ts'
import type { LimitUnit } from './policies.ts'
import type { Spending } from './quotas.ts'
import type { Levels } from './store.ts'

/** What the policies say together. */
export type Evaluation = {
  readonly standings: Standing[]
  /** The names of those that refuse. */
  readonly violated: string[]
  retryAfterSeconds: number
  /** Whether one of them refuses since it cannot be counted. */
  isUnavailable: boolean
}

export function emptyEvaluation(): Evaluation {
  return { standings: [], violated: [], retryAfterSeconds: 0, isUnavailable: false }
}

export const isRefused = ({ violated, isUnavailable }: Evaluation) => violated.length > 0 || isUnavailable

function violate(evaluation: Evaluation, name: string, retryAfterSeconds: number): void {
  evaluation.violated.push(name)
  evaluation.retryAfterSeconds = Math.max(evaluation.retryAfterSeconds, retryAfterSeconds)
}

/** Adds what the policies of rates say by the levels that their units had before the request. */
export function evaluateRates(
  units: readonly LimitUnit[],
  { levels, isShare }: Levels,
  evaluation: Evaluation,
  counts: LimitCounts,
  isDegraded: boolean,
): Evaluation {
  for (const [i, { policy }] of units.entries()) {
    const levelUs = levels[i]
    const rate = isShare ? policy.share : policy.rate
    if (levelUs === undefined) {
      if (policy.degraded === 'closed' && !policy.isDry) evaluation.isUnavailable = true
    } else if (!hasRoom(levelUs, rate)) {
      counts.add(policy.name, policy.isDry ? 'would_refuse' : 'refused')
      const waitUs = levelUs + rate.costUs - rate.capacityUs
      if (!policy.isDry) violate(evaluation, policy.name, wholeSeconds(waitUs))
    }
  }
  const isCounted = !isRefused(evaluation)
  for (const [i, { policy }] of units.entries()) {
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
    evaluation.standings.push({ policy, remaining, resetSeconds })
  }
  return evaluation
}

/** Takes what is free of all, unless one refuses; returns what gives it back. */
export function takeSlots(
  units: readonly LimitUnit[],
  evaluation: Evaluation,
  { slots, counts }: { slots: ReturnType<typeof createSlots>; counts: LimitCounts },
): () => void {
  const taken = units.map((unit) => ({ unit, isFree: slots.isFree(unit) }))
  for (const { unit, isFree } of taken) {
    if (isFree) continue
    counts.add(unit.policy.name, unit.policy.isDry ? 'would_refuse' : 'refused')
    if (!unit.policy.isDry) violate(evaluation, unit.policy.name, 1)
  }
  const admitted = isRefused(evaluation) ? [] : taken.filter(({ isFree }) => isFree)
  for (const { unit } of admitted) {
    slots.take(unit)
    counts.add(unit.policy.name, 'allowed')
  }
  for (const { unit } of taken)
    if (!unit.policy.isDry)
      evaluation.standings.push({
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

export function evaluateQuotas(
  units: readonly LimitUnit[],
  spent: readonly Spending[],
  evaluation: Evaluation,
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
      if (policy.degraded !== 'open' && !policy.isDry) evaluation.isUnavailable = true
      continue
    }
    if (isAdmitted) counts.add(policy.name, 'allowed')
    else counts.add(policy.name, policy.isDry ? 'would_refuse' : 'refused')
    if (policy.isDry) continue
    if (!isAdmitted) violate(evaluation, policy.name, resetSeconds)
    evaluation.standings.push({ policy, remaining, resetSeconds })
  }
}

/** At least one: a client that comes back at once would be refused again. */
function wholeSeconds(us: number): number {
  return Math.max(1, Math.ceil(us / 1_000_000))
}

export function refusalOf(evaluation: Evaluation): Refusal | undefined {
  const { violated, retryAfterSeconds, isUnavailable } = evaluation
  if (violated.length > 0) {
    const names = violated.map((name) => `"${name}"`).join(' and ')
    const detail = `The limit ${names} is reached; try again in ${retryAfterSeconds} s.`
    const options = { violatedPolicies: violated, retryAfterSeconds }
    return { error: new AppError('quota_exceeded', detail, options), fields: [] }
  }
  if (!isUnavailable) return undefined
  return { error: dependencyDown('Limits cannot be counted at the moment; try again shortly.'), fields: [] }
}
