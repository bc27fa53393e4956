import { createLocalJWKSet, errors } from 'jose'
import type { CompactJWSHeaderParameters, JWK } from 'jose'
import type { Clock } from '../clock/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import { fetchObject } from './fetch-json.ts'
import { discover } from './issuer-metadata.ts'
import type { Endpoints } from './issuer-metadata.ts'

type FindKey = ReturnType<typeof createLocalJWKSet>
type Key = Awaited<ReturnType<FindKey>>

/** Why there is no key for a token: the issuer has none, or does not respond, so that it may have one. */
type NoKey = { readonly missing: 'unknown' | 'unavailable'; readonly retryAfterMs: number }

export type Issuer = {
  readonly url: string
  /** The key that a token with this header must be signed with. */
  keyFor(header: CompactJWSHeaderParameters): Promise<Key | NoKey>
  /** Undefined before the first fetch has succeeded. */
  keysAgeMs(): number | undefined
  /** Undefined before the issuer has responded, and for one without discovery. */
  endpoints(): Endpoints | undefined
  close(): void
}

type IssuerOptions = {
  readonly url: string
  /** Where the keys are, for an issuer without discovery. */
  readonly jwksUrl: string | undefined
  readonly maxAgeMs: number
  readonly cooldownMs: number
  readonly staleMs: number
  /** For durations. */
  readonly clock: Clock
  readonly logger: FailureLogger
  readonly fetched: (result: 'ok' | 'failed') => void
}

type Keys = { readonly find: FindKey; readonly fetchedAt: number }

/** Many times as many as an issuer has. */
const keysMax = 100

/**
 * The keys of an issuer. They are fetched at the start, and again in the background when they have reached their age or a token names an
 * unknown one: one fetch at a time, and none within the cooldown, whatever tokens arrive. While the issuer does not respond, the last ones
 * are used.
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const { url, maxAgeMs, cooldownMs, staleMs, clock, logger, fetched } = options
  const log = createFailureLog(
    logger,
    {
      failing: 'the keys of an issuer of tokens cannot be fetched; it is tried again',
      recovered: 'the keys of an issuer of tokens can be fetched again',
      details: { issuer: url },
    },
    clock.now,
  )
  const locate = createKeyLocator(options)
  let keys: Keys | undefined
  let attemptedAt = Number.NEGATIVE_INFINITY
  let inFlight: Promise<void> | undefined

  const ageMs = () => (keys === undefined ? Number.POSITIVE_INFINITY : clock.now() - keys.fetchedAt)
  const cooldownLeftMs = () => Math.max(0, attemptedAt + cooldownMs - clock.now())

  async function fetchKeys(): Promise<void> {
    attemptedAt = clock.now()
    try {
      const found = await readKeys(await locate.url())
      keys = { find: createLocalJWKSet({ keys: found }), fetchedAt: clock.now() }
      fetched('ok')
      log.succeeded()
    } catch (error) {
      locate.forget()
      fetched('failed')
      log.failed(error)
    }
  }

  /** Fetches the keys, or joins the fetch in progress; nothing within the cooldown. Never rejects. */
  function refresh(): Promise<void> | undefined {
    if (inFlight === undefined && cooldownLeftMs() > 0) return undefined
    inFlight ??= fetchKeys().finally(() => {
      inFlight = undefined
    })
    return inFlight
  }

  function refreshIfDue(): void {
    if (ageMs() >= maxAgeMs) void refresh()
  }

  async function find(header: CompactJWSHeaderParameters): Promise<Key | 'several' | undefined> {
    if (keys === undefined || ageMs() >= maxAgeMs + staleMs) return undefined
    return keys.find(header).catch((error: unknown) => {
      // A key that cannot be imported is none.
      return error instanceof errors.JWKSMultipleMatchingKeys ? 'several' : undefined
    })
  }

  refreshIfDue()
  const timer = setInterval(refreshIfDue, cooldownMs).unref()

  return {
    url,
    async keyFor(header) {
      refreshIfDue()
      let found = await find(header)
      if (found === undefined) {
        await refresh()
        found = await find(header)
      }
      if (found !== undefined && found !== 'several') return found
      const isCurrent = found === 'several' || ageMs() <= cooldownMs
      return { missing: isCurrent ? 'unknown' : 'unavailable', retryAfterMs: cooldownLeftMs() }
    },
    keysAgeMs: () => (keys === undefined ? undefined : ageMs()),
    endpoints: locate.endpoints,
    close: () => clearInterval(timer),
  }
}

/** Finds where the keys of an issuer are, and again when they are not there, or that was found out long ago. */
function createKeyLocator({ url, jwksUrl, maxAgeMs, clock }: IssuerOptions) {
  let found: Awaited<ReturnType<typeof discover>> | undefined
  let foundAt = Number.NEGATIVE_INFINITY
  return {
    async url(): Promise<string> {
      if (jwksUrl !== undefined) return jwksUrl
      if (found === undefined || clock.now() - foundAt >= maxAgeMs) {
        found = await discover(url)
        foundAt = clock.now()
      }
      return found.jwksUrl
    },
    endpoints: () => found?.endpoints,
    forget() {
      foundAt = Number.NEGATIVE_INFINITY
    },
  }
}

/** The public keys that an issuer has at this URL. */
export async function readKeys(url: string): Promise<JWK[]> {
  return keysOf(await fetchObject(url))
}

/** The public keys of a JWK Set (RFC 7517, 5); a symmetric key is none. */
function keysOf({ keys }: Readonly<Record<string, unknown>>): JWK[] {
  if (!Array.isArray(keys)) throw new Error('The JWK Set has no keys.')
  if (keys.length > keysMax) throw new Error(`The JWK Set has more than ${keysMax} keys.`)
  return keys.filter(isPublicKey)
}

function isPublicKey(key: unknown): key is JWK {
  return (
    typeof key === 'object' &&
    key !== null &&
    'kty' in key &&
    typeof key.kty === 'string' &&
    key.kty !== 'oct'
  )
}
