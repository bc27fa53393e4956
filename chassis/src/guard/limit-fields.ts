import type { RateLimitPolicy } from '../config/index.ts'

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10. Later revisions may rename the parameters, so everything that follows the
 * draft is in this file: the fields here, and the problem type in chassis/src/errors.
 */

/** The state of one policy that the request was counted by, for the response. */
export type Standing = {
  readonly policy: { readonly name: string; readonly quota: number; readonly member: string }
  /** How many units are left. */
  readonly remaining: number
  /** In how many seconds there are more; undefined if nothing is used, or time alone brings none. */
  readonly resetSeconds: number | undefined
}

/** The member of RateLimit-Policy: constant as long as the policy is. The burst is not in the draft, so its parameter has a prefix. */
export function policyMember(
  policy: Pick<RateLimitPolicy, 'name' | 'kind' | 'quota' | 'windowSeconds' | 'burst' | 'period'>,
): string {
  const { name, kind, quota, windowSeconds, burst, period } = policy
  const start = `"${name}";q=${quota}`
  if (kind === 'concurrent') return `${start};qu="concurrent-requests"`
  // Months have no constant length.
  if (kind === 'quota') return period === 'day' ? `${start};w=86400` : start
  return `${start};w=${windowSeconds}${burst === quota ? '' : `;quintet-burst=${burst}`}`
}

/** Names and values in turn. */
export function limitFields(standings: readonly Standing[], style: 'draft' | 'legacy' | 'off'): string[] {
  if (style === 'off' || standings.length === 0) return []
  let policies = ''
  let limits = ''
  let tightest = standings[0]
  for (const standing of standings) {
    const { policy, remaining, resetSeconds } = standing
    const separator = policies === '' ? '' : ', '
    policies += separator + policy.member
    limits += `${separator}"${policy.name}";r=${remaining}${resetSeconds === undefined ? '' : `;t=${resetSeconds}`}`
    if (tightest === undefined || remaining < tightest.remaining) tightest = standing
  }
  const draft = ['ratelimit-policy', policies, 'ratelimit', limits]
  if (style === 'draft' || tightest === undefined) return draft
  const { policy, remaining, resetSeconds = 0 } = tightest
  return [
    ...draft,
    'ratelimit-limit',
    String(policy.quota),
    'ratelimit-remaining',
    String(remaining),
    'ratelimit-reset',
    String(resetSeconds),
  ]
}
