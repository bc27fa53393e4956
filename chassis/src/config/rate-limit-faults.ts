import { readListFile } from '../files/index.ts'
import type { AuthSettings } from './auth-settings.ts'
import { parseRateLimitPolicies, policiesOfLines } from './rate-limit-policies.ts'
import type { RateLimitPolicy } from './rate-limit-policies.ts'
import { defaultPolicies } from './rate-limit-settings.ts'

/** Which principals there are, by the settings of authentication. */
export type Principals = { readonly any: boolean; readonly keys: boolean; readonly plans: boolean }

type PrincipalSettings = Partial<
  Pick<AuthSettings, 'AUTH' | 'AUTH_ISSUER' | 'AUTH_PLAN_CLAIM' | 'API_KEYS_FILE'>
>

export function principalsOf(settings: PrincipalSettings): Principals {
  const {
    AUTH: mode = 'none',
    AUTH_ISSUER: issuer = '',
    AUTH_PLAN_CLAIM: plan = '',
    API_KEYS_FILE: file = '',
  } = settings
  const any = mode !== 'none'
  const keys = any && file !== ''
  return { any, keys, plans: keys || (any && issuer !== '' && plan !== '') }
}

/** A sentence for each policy that matches no request, since the settings admit no principals of its kind. */
export function idlePolicies(
  policies: readonly Pick<RateLimitPolicy, 'name' | 'by' | 'plan'>[],
  { any, keys, plans }: Principals,
): string[] {
  return policies.flatMap(({ name, by, plan }) => [
    ...(by.includes('principal') && !any
      ? [`"${name}": by="principal" limits nobody while AUTH is none`]
      : []),
    ...(by.includes('key') && !keys
      ? [`"${name}": by="key" limits nobody without AUTH and API_KEYS_FILE`]
      : []),
    ...(plan !== undefined && !plans
      ? [`"${name}": plan limits nobody without AUTH and a plan in API_KEYS_FILE or by AUTH_PLAN_CLAIM`]
      : []),
  ])
}

type Values = PrincipalSettings & {
  readonly RATE_LIMIT?: 'off' | 'on' | 'dry-run'
  readonly RATE_LIMIT_POLICIES?: string
  readonly RATE_LIMIT_FILE?: string
}

/** A sentence for each setting of limits that promises protection, and cannot give it. `values` are those that are valid. */
export function rateLimitFaults(values: Values): string[] {
  const { RATE_LIMIT: mode, RATE_LIMIT_POLICIES: text, RATE_LIMIT_FILE: file } = values
  if (mode === undefined || text === undefined || file === undefined) return []
  const given = [
    ...(text === defaultPolicies ? [] : ['RATE_LIMIT_POLICIES']),
    ...(file === '' ? [] : ['RATE_LIMIT_FILE']),
  ]
  if (mode === 'off')
    return given.map(
      (name) =>
        `${name} is set, but RATE_LIMIT is off, so nothing is limited: set RATE_LIMIT to on, or remove it.`,
    )
  if (given.length > 1) return ['RATE_LIMIT_FILE and RATE_LIMIT_POLICIES are both set; remove one of them.']
  const list = file === '' ? text : policiesOfLines(readListFile(file))
  const { policies } = parseRateLimitPolicies(list)
  return idlePolicies(policies, principalsOf(values)).map(
    (fault) => `${file === '' ? 'RATE_LIMIT_POLICIES' : 'RATE_LIMIT_FILE'}: ${fault}.`,
  )
}
