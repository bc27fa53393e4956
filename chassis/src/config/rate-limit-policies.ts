import { parseList, Token } from 'structured-headers'
import type { BareItem, Parameters } from 'structured-headers'
import { listOf } from './comma-list.ts'

/** How much may be requested, by whom, and of what. */
export type RateLimitPolicy = {
  readonly name: string
  /** `rate`: so many a window, evenly. `quota`: so many a calendar day or month of UTC. `concurrent`: so many at a time. */
  readonly kind: 'rate' | 'quota' | 'concurrent'
  readonly quota: number
  /** Of a rate. */
  readonly windowSeconds: number
  /** Of a rate: how many at once, after a pause. */
  readonly burst: number
  /** Of a quota. */
  readonly period: 'day' | 'month'
  /** What has a count of its own. Empty: all requests have one together. */
  readonly by: readonly LimitedBy[]
  /** The requests that it is for. Empty: all, but for those of a login. */
  readonly on: readonly LimitedRoute[]
  /** Whether it is for logins, which the service that verifies passwords counts itself. */
  readonly isForLogin: boolean
  /** How many units a request takes. */
  readonly cost: number
  /** The plan of those that it is for; undefined for all. */
  readonly plan: string | undefined
  /** Whether it refuses nothing, and is only counted. */
  readonly isDry: boolean
  /** What happens while its store does not respond; undefined for what the setting says. */
  readonly degraded: Degraded | undefined
}

type LimitedBy = 'address' | 'principal' | 'key' | 'account' | 'route'
export type Degraded = 'local' | 'open' | 'closed'

/** A method, if not all, and a path with everything below it. */
type LimitedRoute = { readonly method: string | undefined; readonly path: string }

/** The policies of a list in the notation of structured fields (RFC 9651), and what is wrong with it: one of the two is empty. */
export function parseRateLimitPolicies(text: string): {
  readonly policies: readonly RateLimitPolicy[]
  readonly faults: readonly string[]
} {
  let members: ReturnType<typeof parseList>
  try {
    members = parseList(text.trim())
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Parse error: /, '') : String(error)
    return { policies: [], faults: [`it is no list of structured fields: ${reason}`] }
  }
  const found = members.map(([name, parameters]) => policyOf(name, parameters))
  const faults = found.flatMap((one) => ('faults' in one ? one.faults : []))
  const policies = found.flatMap((one) => ('policy' in one ? one.policy : []))
  const names = policies.map(({ name }) => name)
  const twice = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))]
  faults.push(...twice.map((name) => `"${name}" is there more than once`))
  if (members.length > policiesMax) faults.push(`it has more than ${policiesMax} policies`)
  return faults.length === 0 ? { policies, faults } : { policies: [], faults }
}

/** The list in the lines of a file: a policy or several a line, with comments in lines that begin with a #. */
export function policiesOfLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim().replace(/,$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join(', ')
}

/** Each matching policy is a decision of its own. */
const policiesMax = 64
const daySeconds = 86_400
/** An interval between two units has at least 100 microseconds, so that whole ones are within a percent of the rate. */
const unitsPerSecondMax = 10_000
const windowSecondsMax = 31 * daySeconds
const quotaMax = 1_000_000_000

type Found = { readonly policy: RateLimitPolicy } | { readonly faults: string[] }

function policyOf(name: unknown, parameters: Parameters): Found {
  if (typeof name !== 'string' || !/^[a-z\d][\w.-]{0,63}$/i.test(name))
    return {
      faults: ['each policy begins with its name in quotes: up to 64 letters, digits, ".", "_" and "-"'],
    }
  const faults: string[] = []
  const fail = (fault: string) => void faults.push(`"${name}": ${fault}`)
  const reader = createReader(parameters, fail)
  const kind = reader.word('kind', ['rate', 'quota', 'concurrent'] as const) ?? 'rate'
  const quota = reader.whole('q', 1, quotaMax) ?? 0
  if (!parameters.has('q')) fail('q, the number of units, is missing')
  const windowSeconds = kind === 'rate' ? reader.whole('w', 1, windowSecondsMax) : undefined
  if (kind === 'rate' && !parameters.has('w')) fail('w, the seconds in which q units are there, is missing')
  const period = kind === 'quota' ? reader.word('per', ['day', 'month'] as const) : undefined
  if (kind === 'quota' && !parameters.has('per')) fail('per, day or month, is missing')
  const burst = kind === 'rate' ? (reader.whole('burst', 1, quotaMax) ?? quota) : quota
  const by = parseBy(reader.text('by') ?? 'all', fail)
  const target = parseTarget(reader.text('on') ?? '', fail)
  const policy = {
    name,
    kind,
    quota,
    windowSeconds: windowSeconds ?? daySeconds,
    burst,
    period: period ?? 'day',
    by,
    ...target,
    cost: reader.whole('cost', 1, quotaMax) ?? 1,
    plan: reader.text('plan'),
    isDry: reader.flag('dry'),
    degraded: reader.word('degraded', ['local', 'open', 'closed'] as const),
  }
  reader.refuseOthers()
  if (faults.length === 0) contradictionsIn(policy).forEach(fail)
  return faults.length === 0 ? { policy } : { faults }
}

function contradictionsIn(policy: RateLimitPolicy): string[] {
  const { kind, quota, windowSeconds, burst, by, cost, isForLogin } = policy
  const isByAccount = by.includes('account')
  return [
    kind === 'rate' && quota / windowSeconds > unitsPerSecondMax
      ? [`q / w is more than ${unitsPerSecondMax} units a second`]
      : [],
    cost > burst ? [`cost is ${cost}, more than there is ever at once (${burst})`] : [],
    kind === 'quota' && by.includes('address')
      ? [
          'a quota is by principal or key, by route, or for all: each address would have a row in the database',
        ]
      : [],
    isByAccount && !isForLogin ? ['by="account" needs on="login": no other request has an account'] : [],
    isForLogin && kind !== 'rate' ? ['on="login" is for rates only'] : [],
    isForLogin && (by.includes('principal') || by.includes('key') || policy.plan !== undefined)
      ? ['who logs in has no principal, key or plan yet']
      : [],
  ].flat()
}

function parseBy(text: string, fail: (fault: string) => void): LimitedBy[] {
  if (text === 'all') return []
  const words = text.split('+')
  const known = words.filter((word): word is LimitedBy => limitedBy.includes(word))
  if (known.length < words.length || new Set(words).size < words.length)
    fail(`by must be all, or some of ${limitedBy.join(', ')} joined by +, but is "${text}"`)
  return known
}

const limitedBy: readonly string[] = ['address', 'principal', 'key', 'account', 'route'] satisfies LimitedBy[]

/** Such as `POST /guid, /api/movies`. */
function parseTarget(
  text: string,
  fail: (fault: string) => void,
): Pick<RateLimitPolicy, 'on' | 'isForLogin'> {
  if (text === '') return { on: [], isForLogin: false }
  if (text === 'login') return { on: [], isForLogin: true }
  const on = listOf(text).map((part) => routeForm.exec(part)?.groups)
  if (on.includes(undefined))
    fail(
      `on must be login, or paths such as /guid or "POST /guid" with commas between them, but is "${text}"`,
    )
  return {
    isForLogin: false,
    on: on.map((found) => ({ method: found?.method, path: (found?.path ?? '').replace(/\/$/, '') })),
  }
}

const routeForm = /^(?:(?<method>[A-Z]{1,20}) )?(?<path>\/[\w.~/-]{0,255})$/

/** Reads the parameters of a policy by name and type. */
function createReader(parameters: Parameters, fail: (fault: string) => void) {
  const names: string[] = []

  function read(name: string): BareItem | undefined {
    names.push(name)
    return parameters.get(name)
  }
  function text(name: string): string | undefined {
    const value = read(name)
    if (value === undefined) return undefined
    if (typeof value === 'string' || value instanceof Token) return String(value)
    fail(`${name} must be a text`)
    return undefined
  }

  return {
    text,
    whole(name: string, min: number, max: number): number | undefined {
      const value = read(name)
      if (value === undefined) return undefined
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
      fail(`${name} must be an integer from ${min} to ${max}`)
      return undefined
    },
    word<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
      const value = text(name)
      const word = words.find((one) => one === value)
      if (value !== undefined && word === undefined) fail(`${name} must be one of ${words.join(', ')}`)
      return word
    },
    flag(name: string): boolean {
      const value = read(name)
      if (value !== undefined && typeof value !== 'boolean') fail(`${name} has no value`)
      return value === true
    },
    refuseOthers(): void {
      for (const name of parameters.keys())
        if (!names.includes(name)) fail(`there is no parameter ${name} here`)
    },
  }
}
