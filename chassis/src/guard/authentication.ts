import type { Clock } from '../clock/index.ts'
import { durationClockOf } from '../clock/index.ts'
import { authFiles, ConfigError, listOf } from '../config/index.ts'
import type { AuthSettings } from '../config/index.ts'
import { AppError } from '../errors/index.ts'
import { namedFileFault, watchFile } from '../files/index.ts'
import type { WatchedFile } from '../files/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { exportAuthMetrics } from './auth-metrics.ts'
import { createChallenges } from './challenges.ts'
import type { Challenges, Credentials } from './challenges.ts'
import type { Authenticator, Client, Principal, Refusal } from './context.ts'
import { createIssuer } from './issuer.ts'
import type { Issuer } from './issuer.ts'
import { createKeyCheck, readKeyEntries } from './keys.ts'
import { createTokens } from './tokens.ts'
import type { NotAccepted } from './tokens.ts'

type Parts = {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** The scheme and the host that the client has used, for the address of the metadata. */
  readonly originOf: (request: Credentials) => string | undefined
  /** Whether a request without a token may go on, since its route is for everybody. */
  readonly isOpen: (path: string, request: Credentials, client: Client) => boolean
}

export type Authentication = Authenticator & {
  readonly challenges: Challenges
  readonly issuers: readonly Issuer[]
  readonly audience: string
  /** Whether requests without a token are refused, but for routes that are for everybody. */
  readonly isRequired: boolean
}

/** Finds out who sends a request, by its token or its API key. Throws a ConfigError for a file that cannot be used. */
export function createAuthentication(settings: AuthSettings, parts: Parts): Authentication {
  const { clock, metrics, originOf, isOpen } = parts
  const isRequired = settings.AUTH === 'required'
  const challenges = createChallenges(originOf)
  const keyResults = { accepted: 0, refused: 0 }
  const keysFile = openFile('API_KEYS_FILE', settings, parts, readKeyEntries)
  const checkKey = keysFile && createKeyCheck(keysFile, clock)
  const denyFile = openFile('AUTH_DENY_FILE', settings, parts, revokedOf)
  const fetches = { ok: 0, failed: 0 }
  const issuers = createIssuers(settings, parts, (result) => fetches[result]++)
  const tokens = createTokens({
    issuers,
    audience: settings.AUTH_AUDIENCE,
    algorithms: listOf(settings.AUTH_ALGORITHMS),
    types: listOf(settings.AUTH_TOKEN_TYPES.toLowerCase()),
    clockSkewMs: settings.AUTH_CLOCK_SKEW_MS,
    scopeClaims: listOf(settings.AUTH_SCOPE_CLAIM),
    planClaim: settings.AUTH_PLAN_CLAIM,
    revoked: denyFile?.current ?? (() => noneRevoked),
    clock,
  })
  exportAuthMetrics(metrics.registry, { tokens: tokens.results, keys: keyResults, fetches, issuers })

  function byKey(key: string, request: Credentials, client: Client): Principal | Refusal {
    const found = checkKey?.(key, client) ?? 'key'
    keyResults[typeof found === 'string' ? 'refused' : 'accepted']++
    if (found === 'address')
      return {
        error: new AppError('forbidden', 'The API key is not admitted from this address.'),
        fields: [],
      }
    return found === 'key' ? challenges.unauthorized(request, 'The API key is not accepted.') : found
  }

  function byToken(field: string, request: Credentials) {
    if (issuers.length === 0 || !/^bearer /i.test(field.slice(0, 7))) return challenges.unauthorized(request)
    const result = tokens.verify(field.slice(7).trim())
    return result instanceof Promise
      ? result.then((one) => refuseUnlessAccepted(one, request))
      : refuseUnlessAccepted(result, request)
  }

  function refuseUnlessAccepted(result: Principal | NotAccepted, request: Credentials): Principal | Refusal {
    if (!('fault' in result)) return result
    if (result.fault !== 'unavailable') return challenges.invalidToken(request, result.fault)
    const error = new AppError('dependency_down', 'The issuer of the token does not respond.', {
      retryAfterSeconds: Math.max(1, Math.ceil(result.retryAfterMs / 1_000)),
    })
    return { error, fields: [] }
  }

  return {
    challenges,
    issuers,
    audience: settings.AUTH_AUDIENCE,
    isRequired,
    authenticate(request, { client, path }) {
      // A client that has nothing to send may send an empty field.
      const { authorization = '', 'x-api-key': key = '' } = request.headers
      const hasKey = key !== '' && checkKey !== undefined
      if (authorization === '' && !hasKey)
        return isRequired && !isOpen(path, request, client) ? challenges.unauthorized(request) : undefined
      const fault = ambiguityOf(request, hasKey)
      if (fault !== undefined) return challenges.invalidRequest(request, fault)
      return hasKey ? byKey(String(key), request, client) : byToken(authorization, request)
    },
    async close() {
      for (const issuer of issuers) issuer.close()
    },
  }
}

const noneRevoked: ReadonlySet<string> = new Set()

/** Why it is not clear which credentials a request has (RFC 6750, 2); the server joins fields with one name. */
function ambiguityOf({ headers, rawHeaders }: Credentials, hasKey: boolean): string | undefined {
  if (hasKey && (headers.authorization ?? '') !== '') return 'Send a token or an API key, not both.'
  const name = hasKey ? 'x-api-key' : 'authorization'
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] ?? ''
    if (field.length === name.length && field.toLowerCase() === name) count++
  }
  return count > 1 ? `There must be one ${hasKey ? 'X-Api-Key' : 'Authorization'} field.` : undefined
}

function createIssuers(
  settings: AuthSettings,
  { clock, logger }: Parts,
  fetched: (result: 'ok' | 'failed') => void,
): Issuer[] {
  const jwksUrls = listOf(settings.AUTH_JWKS_URL)
  return listOf(settings.AUTH_ISSUER).map((url, i) =>
    createIssuer({
      url,
      jwksUrl: jwksUrls[i],
      maxAgeMs: settings.AUTH_JWKS_MAX_AGE_MS,
      cooldownMs: settings.AUTH_JWKS_COOLDOWN_MS,
      staleMs: settings.AUTH_JWKS_STALE_MS,
      clock: durationClockOf(clock),
      logger,
      fetched,
    }),
  )
}

/** Each line that is neither empty nor a comment. */
function revokedOf(content: string): ReadonlySet<string> {
  const lines = content.split('\n').map((line) => line.trim())
  return new Set(lines.filter((line) => line !== '' && !line.startsWith('#')))
}

/** The file that a setting names, read again when it changes; undefined if the setting is empty. */
function openFile<T>(
  setting: 'API_KEYS_FILE' | 'AUTH_DENY_FILE',
  settings: AuthSettings,
  { clock, logger }: Parts,
  parse: (text: string) => T,
): WatchedFile<T> | undefined {
  const path = settings[setting]
  if (path === '') return undefined
  const failed = (error: unknown) =>
    logger.warn(
      { file: path, reason: messageOf(error) },
      `the file of ${setting} cannot be read, so its last content stays in force`,
    )
  const succeeded = () => logger.info({ file: path }, `the file of ${setting} has been read again`)
  try {
    return watchFile(path, { parse, clock: durationClockOf(clock), failed, succeeded })
  } catch (error) {
    throw new ConfigError([namedFileFault(setting, path, error, authFiles[setting])])
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
