import type { IncomingMessage, Server } from 'node:http'
import type { AuditSettings } from '../audit/index.ts'
import type { Clock } from '../clock/index.ts'
import type { AuthSettings } from '../config/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { AddressRefusal, AddressSettings } from './addresses.ts'
import { createClients } from './client.ts'
import type {
  Authenticator,
  Client,
  Decision,
  GuardDecision,
  LimitedRequest,
  Limits,
  Principal,
  Refusal,
} from './context.ts'
import { createCors } from './cors.ts'
import type { CorsConfig } from './cors.ts'
import type { LimitsConfig } from './open-limits.ts'
import { routedPathOf } from './routed-path.ts'
import type { Versions } from './versions.ts'

export type { Authentication } from './authentication.ts'
export { openAuthentication, originOf } from './open-authentication.ts'
export { createAddressRefusal } from './addresses.ts'
export type { AddressRefusal } from './addresses.ts'
export { resourceMetadataPath } from './challenges.ts'
export {
  clientAddressOf,
  clientNetworkOf,
  isFromTrustedProxy,
  isTrustedPeer,
  networkOf,
  peerAddressOf,
  trustProxies,
} from './client.ts'
export { decisionOf, refusalOfRequest, setDecision, setRefusal } from './context.ts'
export { routedPathOf } from './routed-path.ts'
export type { Client, GuardDecision, Principal, Refusal } from './context.ts'
export {
  mayChange,
  mayRead,
  mayReadOwned,
  ownershipScopes,
  ownerToChange,
  rowAccessOf,
  unrestricted,
} from './ownership.ts'
export type { Changes, Owner, RowAccess } from './ownership.ts'
export { securityFields } from './security-fields.ts'
export { createVersions, versionPrefixOf } from './versions.ts'
export type { Versions, VersionSettings } from './versions.ts'
export { quotaMigrations } from './migrations-folder.ts'
export { openLimits } from './open-limits.ts'
export type { RequestLimits } from './limits.ts'

/** The settings of the guard that every service has; it does only what they enable. */
export type GuardConfig = CorsConfig &
  LimitsConfig &
  Readonly<Partial<AuthSettings>> & {
    readonly RATE_LIMIT_IPV6_PREFIX?: number
    readonly OPERATIONS_PORT?: number | ''
  } & Partial<AuditSettings>

/** What a caller of `createApp` may give the guard. */
export type GuardParts = {
  /** The service that a path belongs to; that of the app by default. */
  readonly serviceOf?: (path: string) => string
  readonly addresses?: AddressSettings
  /** Whether requests of clients arrive here first, so that they are counted here. */
  readonly isEdge?: boolean
  readonly limits?: Limits | undefined
  readonly authenticator?: Authenticator | undefined
}

/** What `createApp` adds. */
export type AppParts = {
  readonly server: Server
  readonly name: string
  /** For dates. */
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly versions: Versions | undefined
  readonly refuseAddress: AddressRefusal | undefined
}

export type Guard = {
  /** Decides about a request before anything else sees it. A promise where that takes a request to another server. */
  check(request: IncomingMessage): GuardDecision | Promise<GuardDecision>
  close(): Promise<void>
}

/** What a request whose token is refused costs the limit by address, besides the one that each request does. */
const guessCost = 4

/**
 * Stands in front of all ways into an app, and decides in this order: lists of addresses, preflights of browsers, limits by address,
 * authentication, limits and quotas by principal, versions that are gone. Undefined where the settings enable nothing, so that a request costs nothing more.
 */
export function createGuard(
  config: GuardConfig,
  parts: GuardParts & Pick<AppParts, 'server' | 'name' | 'versions' | 'refuseAddress'>,
): Guard | undefined {
  const { server, name, limits, authenticator, versions, refuseAddress, serviceOf = () => name } = parts
  const cors = createCors(config)
  if (!cors && !refuseAddress && !limits && !authenticator && !versions?.haveEnds) return undefined
  const clientOf = createClients(server, config.RATE_LIMIT_IPV6_PREFIX)

  function checkAdmitted(request: IncomingMessage, client: Client): GuardDecision | Promise<GuardDecision> {
    if (!limits && !authenticator) return decision(client, undefined, admitted, false)
    const { url = '' } = request
    const path = routedPathOf({ url: versions?.route(request, url) ?? url })
    const limited = {
      client,
      method: request.method ?? '',
      path,
      service: serviceOf(path),
      hasCredentials: hasCredentials(request),
    }
    return checkInOrder(request, limited, { limits, authenticator })
  }

  return {
    check(request) {
      const client = clientOf(request)
      const instead =
        refuseAddress?.(client.address) ?? (cors?.isPreflight(request) ? 'preflight' : undefined)
      const found =
        instead === undefined
          ? checkAdmitted(request, client)
          : { ...decision(client, undefined, admitted), instead }
      if (cors === undefined && !versions?.haveEnds) return found
      return after(found, (one) => withFields(one, cors?.fieldsOf(request), versions?.stateOf(request)))
    },
    async close() {
      await Promise.all([limits?.close(), authenticator?.close()])
    },
  }
}

/** Adds what does not depend on the decision. A version that is gone counts only where nothing else refuses the request. */
function withFields(
  found: GuardDecision,
  ofCors: readonly string[] = [],
  version: ReturnType<Versions['stateOf']> = { fields: [], gone: undefined },
): GuardDecision {
  const fields = [...ofCors, ...version.fields, ...found.fields]
  return { ...found, fields, instead: found.instead ?? version.gone }
}

function checkInOrder(
  request: IncomingMessage,
  limited: LimitedRequest,
  { limits, authenticator }: Pick<GuardParts, 'limits' | 'authenticator'>,
): GuardDecision | Promise<GuardDecision> {
  const { client } = limited
  return after(limits?.byClient(limited) ?? admitted, (byClient) => {
    if (byClient.refusal !== undefined) return decision(client, undefined, byClient)
    return after(authenticator?.authenticate(request, limited), (found) => {
      if (isRefusal(found)) {
        if (found.error.status === 401) limits?.charge(limited, guessCost)
        return decision(client, undefined, { ...byClient, refusal: found })
      }
      return after(limits?.byPrincipal(limited, found, byClient) ?? byClient, (byPrincipal) =>
        decision(
          client,
          found,
          found === undefined ? byPrincipal : notStored(byPrincipal),
          authenticator !== undefined,
        ),
      )
    })
  })
}

/** A client that has nothing to send may send an empty field. */
function hasCredentials({ headers }: IncomingMessage): boolean {
  return (headers.authorization ?? '') !== '' || (headers['x-api-key'] ?? '') !== ''
}

const admitted: Decision = { refusal: undefined, fields: [] }

const noStore: readonly string[] = ['cache-control', 'no-store']

/** Shared caches keep no response to a request with Authorization (RFC 9111, 3.5), but one with an API key. A Cache-Control field of the response itself stays. */
function notStored(found: Decision): Decision {
  return { ...found, fields: found.fields.length === 0 ? noStore : [...found.fields, ...noStore] }
}

/** Goes on at once with a value, and later with that of a promise. */
function after<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function isRefusal(found: Principal | Refusal | undefined): found is Refusal {
  return found !== undefined && 'error' in found
}

function decision(
  client: Client,
  principal: Principal | undefined,
  { refusal, fields, release }: Decision,
  hasOwners = true,
): GuardDecision {
  return {
    client,
    hasOwners,
    principal,
    fields: refusal === undefined ? fields : [...fields, ...refusal.fields],
    instead: refusal?.error,
    release,
  }
}
