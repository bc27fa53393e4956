import { createHash } from 'node:crypto'
import type { RateLimitPolicy } from '../config/index.ts'
import type { LimitedRequest, Principal } from './context.ts'

/**
 * What a policy counts a request under, the parts in one order; undefined if the policy is not for requests like it, since it has no
 * principal, key or plan.
 */
export function partitionOf(
  { by, plan }: Pick<RateLimitPolicy, 'by' | 'plan'>,
  request: Pick<LimitedRequest, 'client' | 'method' | 'service'>,
  principal?: Principal,
  account?: string,
): string | undefined {
  if (plan !== undefined && principal?.plan !== plan) return undefined
  if (by.length === 1 && by[0] === 'address') return request.client.key
  const parts: string[] = []
  if (by.includes('address')) parts.push(request.client.key)
  if (by.includes('principal') || by.includes('key')) {
    if (principal === undefined || (by.includes('key') && principal.kind !== 'key')) return undefined
    parts.push(principal.id)
  }
  if (by.includes('account')) {
    if (account === undefined) return undefined
    parts.push(hashed(account))
  }
  if (by.includes('route')) parts.push(`${request.method} ${request.service}`)
  return parts.join('+')
}

/** An email would be personal data in another store, and may be long. */
function hashed(account: string): string {
  return createHash('sha256').update(account).digest('base64url').slice(0, 22)
}
