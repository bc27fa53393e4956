import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import type { CompactJWSHeaderParameters, JWTPayload } from 'jose'
import type { Clock } from '../clock/index.ts'
import { durationClockOf } from '../clock/index.ts'
import type { TokenFault } from './challenges.ts'
import type { Principal } from './context.ts'
import type { Issuer } from './issuer.ts'

/** A token that is not accepted, or cannot be verified now. */
export type NotAccepted =
  | { readonly fault: TokenFault }
  | { readonly fault: 'unavailable'; readonly retryAfterMs: number }

type Tokens = {
  /** A promise only where the token is not one of those that were verified lately. */
  verify(token: string): Principal | NotAccepted | Promise<Principal | NotAccepted>
  /** How many have had each result. */
  readonly results: Readonly<Record<'kept' | 'verified' | 'refused' | 'unavailable', number>>
}

type TokenOptions = {
  readonly issuers: readonly Pick<Issuer, 'url' | 'keyFor'>[]
  readonly audience: string
  readonly algorithms: readonly string[]
  /** In lower case. */
  readonly types: readonly string[]
  readonly clockSkewMs: number
  readonly scopeClaims: readonly string[]
  readonly planClaim: string
  /** Those that have been revoked, by `jti` or `sub`; another set when they change. */
  readonly revoked: () => ReadonlySet<string>
  readonly clock: Clock
}

const lengthMax = 8_192
const keptMax = 10_000
const keepMsMax = 300_000
/** Fewer, since anybody can make them, each as long as is admitted. */
const refusedMax = 1_000
const refusedMs = 1_000
const principalLengthMax = 255

type Kept = { readonly principal: Principal; readonly validUntil: number; readonly keepUntil: number }
type Refused = { readonly result: NotAccepted; readonly keepUntil: number }

/** Verifies tokens as RFC 8725 and RFC 9068 say. To verify a signature takes 100 µs or more, so the result is kept for a while. */
export function createTokens(options: TokenOptions): Tokens {
  const { clock, revoked } = options
  const durations = durationClockOf(clock)
  const verifyOnce = createVerifier(options)
  const kept = new Map<string, Kept>()
  const refused = new Map<string, Refused>()
  const inProgress = new Map<string, Promise<Principal | NotAccepted>>()
  const results = { kept: 0, verified: 0, refused: 0, unavailable: 0 }
  let revokedBefore = revoked()

  function keep(token: string, result: Principal | NotAccepted): void {
    const keepUntil = durations.now() + ('fault' in result ? refusedMs : keepMsMax)
    if (!('fault' in result)) {
      results.verified++
      put(kept, keptMax, token, { principal: result, validUntil: result.expiresAt ?? 0, keepUntil })
    } else if (result.fault === 'unavailable') results.unavailable++
    else {
      results.refused++
      put(refused, refusedMax, token, { result, keepUntil })
    }
  }

  async function verify(token: string): Promise<Principal | NotAccepted> {
    try {
      const isRevoked = revoked()
      const result = await verifyOnce(token)
      // What was revoked meanwhile must not be kept.
      if (isRevoked === revoked()) keep(token, result)
      return result
    } finally {
      inProgress.delete(token)
    }
  }

  return {
    results,
    verify(token) {
      if (revoked() !== revokedBefore) {
        revokedBefore = revoked()
        kept.clear()
        refused.clear()
      }
      const good = kept.get(token)
      if (good !== undefined) {
        if (clock.now() < good.validUntil && durations.now() < good.keepUntil) {
          results.kept++
          return good.principal
        }
        kept.delete(token)
      }
      if (token.length > lengthMax) {
        results.refused++
        return { fault: 'malformed' }
      }
      const bad = refused.get(token)
      if (bad !== undefined && durations.now() < bad.keepUntil) {
        results.refused++
        return bad.result
      }
      refused.delete(token)
      const verifying = inProgress.get(token) ?? verify(token)
      inProgress.set(token, verifying)
      return verifying
    },
  }
}

/** Adds an entry in the place of the oldest where there are as many as there may be. */
function put<T>(entries: Map<string, T>, max: number, token: string, entry: T): void {
  if (entries.size >= max) for (const [oldest] of entries.entries().take(1)) entries.delete(oldest)
  entries.set(token, entry)
}

function createVerifier(options: TokenOptions): (token: string) => Promise<Principal | NotAccepted> {
  const { audience, algorithms, types, clockSkewMs, clock, revoked } = options
  const issuers = new Map(options.issuers.map((issuer) => [issuer.url, issuer]))

  return async (token) => {
    const parts = decode(token)
    if (parts === undefined) return { fault: 'malformed' }
    const { header, payload } = parts
    // An extension that must be understood changes what the token means; none is.
    if (header.crit !== undefined) return { fault: 'malformed' }
    if (!types.includes(typeOf(header.typ))) return { fault: 'type' }
    const issuer = issuers.get(payload.iss ?? '')
    if (issuer === undefined) return { fault: 'issuer' }
    if (!algorithms.includes(header.alg)) return { fault: 'signature' }
    const key = await issuer.keyFor(header)
    if ('missing' in key)
      return key.missing === 'unknown'
        ? { fault: 'signature' }
        : { fault: 'unavailable', retryAfterMs: key.retryAfterMs }
    try {
      const { payload: claims } = await jwtVerify(token, key, {
        algorithms: [...algorithms],
        issuer: issuer.url,
        audience,
        clockTolerance: clockSkewMs / 1_000,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'sub'],
      })
      const { sub = '', jti = '' } = claims
      if (revoked().has(sub) || revoked().has(jti)) return { fault: 'revoked' }
      return principalOf(claims, options) ?? { fault: 'claims' }
    } catch (error) {
      return { fault: faultOf(error) }
    }
  }
}

/** The header without the members that would lead to a key of the sender's choice: jku, jwk, x5u and x5c are not read. */
function decode(token: string): { header: CompactJWSHeaderParameters; payload: JWTPayload } | undefined {
  try {
    const { alg, kid, typ, crit } = decodeProtectedHeader(token)
    if (typeof alg !== 'string') return undefined
    const header = { alg, ...(kid !== undefined && { kid }), ...(typ !== undefined && { typ }) }
    return {
      header: { ...header, ...(crit !== undefined && { crit }) },
      payload: decodeJwt(token),
    }
  } catch {
    return undefined
  }
}

/** A media type, which may leave `application/` out (RFC 7515, 4.1.9). */
function typeOf(typ: unknown = 'JWT'): string {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : ''
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'nbf' && error.reason === 'check_failed'
      ? 'not yet valid'
      : error.claim === 'aud'
        ? 'audience'
        : 'claims'
  return error instanceof errors.JWTInvalid ? 'malformed' : 'signature'
}

/** Undefined for a subject that is too long, or has characters that a text cannot show or a database cannot store. */
function principalOf(
  claims: JWTPayload,
  { audience, scopeClaims, planClaim, clockSkewMs }: TokenOptions,
): Principal | undefined {
  const { iss, sub, exp } = claims
  if (typeof sub !== 'string' || sub === '' || !sub.isWellFormed() || /\p{Cc}/u.test(sub)) return undefined
  const id = `${iss}|${sub}`
  if (id.length > principalLengthMax || exp === undefined) return undefined
  const plan = planClaim === '' ? undefined : claims[planClaim]
  return {
    id,
    kind: 'token',
    scopes: new Set(scopeClaims.flatMap((name) => scopesOf(claims[name], audience))),
    plan: typeof plan === 'string' ? plan : undefined,
    expiresAt: exp * 1_000 + clockSkewMs,
  }
}

/** Some issuers put the audience before each scope, as in `https://api.example.com/movies:read`. */
function scopesOf(claim: unknown, audience: string): string[] {
  const list = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : []
  return list
    .filter((scope) => typeof scope === 'string' && scope !== '')
    .map((scope) => (scope.startsWith(`${audience}/`) ? scope.slice(audience.length + 1) : scope))
}
