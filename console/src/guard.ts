import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { openAuthentication } from '@quintet/chassis/guard'
import type { Authentication, Principal } from '@quintet/chassis/guard'
import { clientAddressOf, clientNetworkOf } from '@quintet/chassis/http'
import type { App, FastifyReply } from '@quintet/chassis/http'
import type { Logger, Metrics } from '@quintet/chassis/telemetry'
import { modeOf } from './config.ts'
import type { ConsoleConfig } from './config.ts'
import { isOtlpRoute, refuseForeign, refuseForeignRead } from './request-checks.ts'
import { createSessions } from './sessions.ts'
import type { Credentials, Visitor } from './sessions.ts'
import { createTries } from './tries.ts'

export type ConsoleGuard = {
  readonly mode: 'full' | 'read'
  /** Whether everybody on this machine may use it. */
  readonly isOpen: boolean
  /** Who sends the request; undefined for nobody who may use the console. */
  visitorOf(request: FastifyRequest): Visitor | undefined
  /** Who sends it; throws where that may not act, or nobody may. */
  actorOf(request: FastifyRequest): Visitor
  /** Begins a session for a token, by a cookie; throws for a token that is not accepted. */
  signIn(request: FastifyRequest, reply: FastifyReply, token: string): Promise<Visitor>
  /** Whether its cookie is of a session. */
  hasSession(request: FastifyRequest): boolean
  signOut(request: FastifyRequest, reply: FastifyReply): void
}

type Parts = { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics }

const readScope = 'quintet:observe'
const actScope = 'quintet:admin'
const allScopes: ReadonlySet<string> = new Set([readScope, actScope])
/** Where neither a token nor an issuer is set, and only this machine reaches the console. */
const anybody: Visitor = { who: 'anybody on this machine', scopes: allScopes }
const byToken: Visitor = { who: 'the token of the console', scopes: allScopes }
/** It is not among the scopes of an issuer, so that what has it can do nothing but send telemetry. */
const sendScope = 'telemetry'
const byTelemetryToken: Visitor = { who: 'the token for telemetry', scopes: new Set([sendScope]) }

/** Decides who may send which requests, before the routes see them. The host of a request has been examined before. */
export async function addGuard(app: App, config: ConsoleConfig, parts: Parts): Promise<ConsoleGuard> {
  const mode = modeOf(config) === 'full' ? 'full' : 'read'
  const { clock } = parts
  const authentication = await openAuthentication(config, {
    ...parts,
    server: app.server,
    isOpen: () => true,
  })
  app.addHook('onClose', () => authentication?.close())
  const sessions = createSessions(clock)
  const tries = createTries(clock)
  const isOwnToken = createTokenCheck(config.CONSOLE_TOKEN)
  const isTelemetryToken = createTokenCheck(config.CONSOLE_TELEMETRY_TOKEN)
  const isOpen = config.CONSOLE_TOKEN === '' && authentication === undefined
  const cookie = cookieOf(config.TLS_CERT_FILE !== '')
  const visitors = new WeakMap<FastifyRequest, Visitor>()

  /** Who has this token; throws for one that is not accepted. */
  async function visitorByToken(request: FastifyRequest, headers: Credentials): Promise<Accepted> {
    const client = clientNetworkOf(request)
    const token = /^bearer (.*)$/i.exec(String(headers.authorization ?? ''))?.[1]?.trimStart() ?? ''
    // First, so that wrong ones of others behind the same address lock nobody out; 32 characters cannot be guessed.
    if (isOwnToken(token)) return { visitor: byToken, until: undefined }
    if (isTelemetryToken(token)) return { visitor: byTelemetryToken, until: undefined }
    tries.check(client)
    const found = await principalOf(authentication, request, headers)
    if (found !== undefined)
      return { visitor: { who: found.id, scopes: found.scopes }, until: found.expiresAt }
    tries.failed(client)
    throw unauthorized('The token is not accepted.')
  }

  async function identify(request: FastifyRequest): Promise<Visitor | undefined> {
    const { authorization = '', 'x-api-key': key = '' } = request.headers
    if (isOpen) return anybody
    if (authorization !== '' || key !== '') return (await visitorByToken(request, request.headers)).visitor
    const session = sessions.find(cookie.read(request))
    if (session?.credentials === undefined) return session?.visitor
    // It may have been revoked, or be for other addresses.
    const found = await principalOf(authentication, request, session.credentials)
    return found && { who: found.id, scopes: found.scopes }
  }

  function refusalOf(request: FastifyRequest, visitor: Visitor | undefined): AppError | undefined {
    const needed = neededScope(request)
    if (needed === undefined) return undefined
    const isOtlp = isOtlpRoute(request.routeOptions.url)
    if (visitor === undefined) return unauthorized('Sign in, or send a token.')
    if (needed === actScope && mode === 'read' && !isOtlp) return readOnly()
    if (visitor.scopes.has(needed) || (isOtlp && visitor.scopes.has(sendScope))) return undefined
    return new AppError('insufficient_scope', `The scope ${needed} is needed.`)
  }

  app.addHook('onRequest', async (request) => {
    const isForeign = isSafe(request) ? refuseForeignRead(request) : refuseForeign(request)
    if (isForeign !== undefined) throw isForeign
    const visitor = await identify(request)
    const refusal = refusalOf(request, visitor)
    if (refusal !== undefined) throw refusal
    if (visitor !== undefined) visitors.set(request, visitor)
    // It is for the console alone: requests to the gateway have the Authorization of the client.
    if (visitor === byToken) delete request.headers.authorization
    dropTypeOfNothing(request)
  })

  return {
    mode,
    isOpen,
    visitorOf: (request) => visitors.get(request),
    actorOf(request) {
      const visitor = visitors.get(request)
      if (mode === 'read') throw readOnly()
      if (visitor?.scopes.has(actScope) !== true)
        throw new AppError('forbidden', `Whoever acts needs the scope ${actScope}.`)
      return visitor
    },
    async signIn(request, reply, token) {
      if (isOpen) return anybody
      const credentials = credentialsOf(token)
      const { visitor, until } = await visitorByToken(request, credentials)
      if (!visitor.scopes.has(readScope))
        throw new AppError('insufficient_scope', `The scope ${readScope} is needed.`)
      const { id, maxAgeSeconds } = sessions.begin(
        visitor,
        visitor === byToken ? undefined : credentials,
        until,
      )
      reply.header('set-cookie', cookie.write(id, maxAgeSeconds))
      visitors.set(request, visitor)
      return visitor
    },
    hasSession: (request) => sessions.find(cookie.read(request)) !== undefined,
    signOut(request, reply) {
      sessions.end(cookie.read(request))
      reply.header('set-cookie', cookie.write('', 0))
    },
  }
}

type Accepted = { readonly visitor: Visitor; readonly until: number | undefined }

/** Keys of `quintet keys` begin otherwise than tokens. */
function credentialsOf(token: string): Credentials {
  return token.startsWith('qk_') ? { 'x-api-key': token } : { authorization: `Bearer ${token}` }
}

/** Who has a token of an issuer or an API key; undefined for nobody. Throws where the issuer does not respond. */
async function principalOf(
  authentication: Authentication | undefined,
  request: FastifyRequest,
  credentials: Credentials,
): Promise<Principal | undefined> {
  const headers = Object.fromEntries(
    Object.entries(credentials).filter(([name]) => name === 'authorization' || name === 'x-api-key'),
  )
  const client = { address: clientAddressOf(request), key: clientNetworkOf(request) }
  const isSent = credentials === request.headers
  const found = await authentication?.authenticate(
    { headers, rawHeaders: isSent ? request.raw.rawHeaders : Object.entries(headers).flat().map(String) },
    { client, path: request.routeOptions.url ?? '' },
  )
  if (found === undefined || !('error' in found)) return found
  if (found.error.status !== 401) throw found.error
  return undefined
}

/** What a route needs: its own scope; otherwise that of reading for GET, and of acting for anything else. */
function neededScope({ method, routeOptions: { schema } }: FastifyRequest): string | undefined {
  if (schema?.scope === 'public') return undefined
  return schema?.scope ?? (isSafe({ method }) ? readScope : actScope)
}

function isSafe({ method }: Pick<FastifyRequest, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

/** A request without a body may name the type that every request here must have. */
function dropTypeOfNothing({ headers }: FastifyRequest): void {
  if ((headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined)
    delete headers['content-type']
}

/** Compares in a time that depends on neither token. */
function createTokenCheck(own: string): (token: string) => boolean {
  const expected = hashOf(own)
  return (token) => timingSafeEqual(hashOf(token), expected) && own !== ''
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The cookie of a session. Cookies are not by port (RFC 6265, 8.5), so that other servers of the host receive it, but their pages cannot act by it. */
function cookieOf(isSecure: boolean) {
  const name = isSecure ? '__Host-quintet-console' : 'quintet-console'
  return {
    read({ headers: { cookie = '' } }: FastifyRequest): string {
      const found = cookie.split(';').map((part) => part.trim().split('='))
      return found.find(([key]) => key === name)?.[1] ?? ''
    },
    write: (value: string, maxAgeSeconds: number) =>
      `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`,
  }
}

function unauthorized(detail: string): AppError {
  return new AppError('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="quintet"' } })
}

function readOnly(): AppError {
  return new AppError('forbidden', 'The console is read-only (CONSOLE).')
}
