import type { IncomingMessage } from 'node:http'
import { listOf } from '../config/index.ts'

export type CorsConfig = {
  readonly CORS_ORIGINS?: string
  readonly CORS_CREDENTIALS?: boolean
  readonly CORS_MAX_AGE_MS?: number
}

type Cors = {
  /** Names and values in turn, for each response to a request. */
  fieldsOf(request: IncomingMessage): readonly string[]
  /** Whether a request is a preflight (Fetch Standard, 3.2.2). */
  isPreflight(request: IncomingMessage): boolean
}

const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE'
/** What resources and the guard read of a request, but for what any page may send. */
const requestFields = [
  ...['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match', 'last-event-id'],
  ...['prefer', 'traceparent', 'tracestate', 'x-api-key', 'x-request-id'],
].join(', ')
/** What a page may read of a response, but for what any page may read. */
const responseFields = [
  ...['Deprecation', 'ETag', 'Idempotency-Replayed', 'Link', 'Location', 'Preference-Applied', 'RateLimit'],
  ...['RateLimit-Policy', 'Retry-After', 'Sunset', 'WWW-Authenticate', 'X-Request-Id'],
].join(', ')

/** Cross-origin requests of browsers (Fetch Standard, 3.2); undefined where no origin is admitted. */
export function createCors({
  CORS_ORIGINS: list = '',
  CORS_CREDENTIALS: hasCredentials = false,
  CORS_MAX_AGE_MS: maxAgeMs = 0,
}: CorsConfig): Cors | undefined {
  const origins = listOf(list)
  if (origins.length === 0) return undefined
  const vary = list === '*' ? [] : ['vary', 'Origin']
  const of = (origin: string) => [
    ...vary,
    ...['access-control-allow-origin', origin],
    ...(hasCredentials ? ['access-control-allow-credentials', 'true'] : []),
  ]
  const ofPreflight = (origin: string) => [
    ...of(origin),
    ...['access-control-allow-methods', methods],
    ...['access-control-allow-headers', requestFields],
    ...['access-control-max-age', String(Math.floor(maxAgeMs / 1_000))],
  ]
  const fields = new Map(
    origins.map((origin) => [origin, [...of(origin), 'access-control-expose-headers', responseFields]]),
  )
  const preflightFields = new Map(origins.map((origin) => [origin, ofPreflight(origin)]))

  function isPreflight({ method, headers }: IncomingMessage): boolean {
    return (
      method === 'OPTIONS' &&
      headers.origin !== undefined &&
      headers['access-control-request-method'] !== undefined
    )
  }

  return {
    isPreflight,
    fieldsOf(request) {
      const known = isPreflight(request) ? preflightFields : fields
      return known.get('*') ?? known.get(request.headers.origin ?? '') ?? vary
    },
  }
}
