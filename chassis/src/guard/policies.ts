import type { Clock } from '../clock/index.ts'
import { idlePolicies, parseRateLimitPolicies, policiesOfLines } from '../config/index.ts'
import type { Degraded, Principals, RateLimitPolicy } from '../config/index.ts'
import { watchFile } from '../files/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import { rateOf } from './gcra.ts'
import type { Rate } from './gcra.ts'
import { policyMember } from './limit-fields.ts'
import { putBounded } from './put-bounded.ts'

/** A policy with what is derived from it once. */
export type LimitPolicy = Omit<RateLimitPolicy, 'degraded'> & {
  readonly rate: Rate
  readonly share: Rate
  readonly degraded: Degraded
  /** Its member of the RateLimit-Policy field. */
  readonly member: string
  /** Whether a request with this method and path, both normalized, is one that it is for. */
  isFor(method: string, path: string): boolean
  /** The unit that it counts the requests of this client, account or the like by. */
  unitOf(partition: string): LimitUnit
}

export type LimitUnit = { readonly key: string; readonly policy: LimitPolicy }

/** The policies by when they are decided. */
type PolicySet = {
  /** By the address of the client, before anything is verified. */
  readonly byClient: readonly LimitPolicy[]
  /** By who sends the request. */
  readonly byPrincipal: readonly LimitPolicy[]
  readonly quotas: readonly LimitPolicy[]
  readonly concurrent: readonly LimitPolicy[]
  /** Before a password is verified. */
  readonly login: readonly LimitPolicy[]
}

/** `current` has the policies of the present content of a file. */
export type PolicySource = { current(): PolicySet }

type PolicyOptions = {
  /** Where requests are counted: the name of the service. */
  readonly place: string
  /** Whether it counts requests of all kinds, and not only logins. */
  readonly countsRequests: boolean
  readonly isDryRun: boolean
  readonly degraded: Degraded
  /** How many processes count together. */
  readonly processes: number
  readonly principals: Principals
}

/** The policies of a text, or of a file, whose changes hold from the next request on; a bad change is logged and changes nothing. */
export function openPolicies(
  { text, file }: { text: string; file: string },
  options: PolicyOptions,
  { logger, durations }: { logger: FailureLogger; durations: Clock },
): PolicySource {
  const parse = (list: string) => compile(policiesOf(list, options), options)
  if (file === '') {
    const all = parse(text)
    return { current: () => all }
  }
  return watchFile(file, {
    parse: (lines) => parse(policiesOfLines(lines)),
    clock: durations,
    failed: (error) =>
      logger.warn(
        { file, reason: error instanceof Error ? error.message : String(error) },
        'the policies in RATE_LIMIT_FILE are bad, so the former ones are kept',
      ),
    succeeded: () => logger.info({ file }, 'the policies in RATE_LIMIT_FILE have changed'),
  })
}

function policiesOf(list: string, { principals }: PolicyOptions): readonly RateLimitPolicy[] {
  const { policies, faults } = parseRateLimitPolicies(list)
  const all = [...faults, ...idlePolicies(policies, principals)]
  if (all.length > 0) throw new Error(all.join('; '))
  return policies
}

function compile(policies: readonly RateLimitPolicy[], options: PolicyOptions): PolicySet {
  const all = policies.map((policy) => compiled(policy, options))
  const requests = options.countsRequests ? all.filter(({ isForLogin }) => !isForLogin) : []
  const rates = requests.filter(({ kind }) => kind === 'rate')
  return {
    byClient: rates.filter(isByClient),
    byPrincipal: rates.filter((policy) => !isByClient(policy)),
    quotas: requests.filter(({ kind }) => kind === 'quota'),
    concurrent: requests.filter(({ kind }) => kind === 'concurrent'),
    login: all.filter(({ isForLogin }) => isForLogin),
  }
}

/** Whether it can be decided before a token is verified, and so protects the verification. */
function isByClient({ by, plan }: LimitPolicy): boolean {
  return by.includes('address') && !by.includes('principal') && !by.includes('key') && plan === undefined
}

function compiled(policy: RateLimitPolicy, options: PolicyOptions): LimitPolicy {
  const { name, kind, on } = policy
  // The units of quotas and concurrent requests are counted, so they have no rate.
  const rated = kind === 'rate' ? policy : { ...policy, windowSeconds: 1, quota: 1 }
  const result: LimitPolicy = {
    ...policy,
    isDry: policy.isDry || options.isDryRun,
    degraded: policy.degraded ?? options.degraded,
    rate: rateOf(rated),
    share: rateOf(rated, options.processes),
    member: policyMember(policy),
    isFor: (method, path) =>
      on.length === 0 || on.some((route) => (route.method ?? method) === method && isBelow(path, route.path)),
    unitOf: createUnits(`${options.place}:${name}:`, () => result),
  }
  return result
}

/** Keeps units, since a key that is made anew for each request is hashed anew, which costs more than the decision. */
function createUnits(keyPrefix: string, policyOf: () => LimitPolicy): LimitPolicy['unitOf'] {
  const units = new Map<string, LimitUnit>()
  return (partition) => {
    const known = units.get(partition)
    if (known !== undefined) return known
    const unit = { key: keyPrefix + partition, policy: policyOf() }
    putBounded(units, partition, unit)
    return unit
  }
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(above) && (path.length === above.length || path[above.length] === '/')
}
