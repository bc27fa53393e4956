import type { IncomingMessage, Server } from 'node:http'
import { createClients } from './client.ts'
import type {
  Authenticator,
  Client,
  Decision,
  LimitedRequest,
  Limits,
  Principal,
  Refusal,
  Verdict,
} from './context.ts'
import { routedPathOf } from './routed-path.ts'

export {
  clientAddressOf,
  clientNetworkOf,
  isFromTrustedProxy,
  isTrustedPeer,
  networkOf,
  peerAddressOf,
  trustProxies,
} from './client.ts'
export { setVerdict, verdictOf } from './context.ts'
export type { Principal, Verdict } from './context.ts'
export { securityFields } from './security-fields.ts'

/** The settings of the guard; it does nothing that none of them says. */
export type GuardConfig = Readonly<Record<never, never>>

/** What a caller of `createApp` may give the guard. */
export type GuardParts = {
  /** The service that a path belongs to; that of the app by default. */
  readonly serviceOf?: (path: string) => string
  readonly limits?: Limits | undefined
  readonly authenticator?: Authenticator | undefined
}

export type Guard = {
  /** Decides about a request before anything else sees it. A promise where another server has to be asked. */
  judge(request: IncomingMessage): Verdict | Promise<Verdict>
  close(): Promise<void>
}

/** What a request for a token that is refused costs the limit by address, besides the one that each request does. */
const guessCost = 4

/**
 * Stands in front of all ways into an app, and decides in this order: limits by address, authentication, limits by principal.
 * Undefined where the settings ask for nothing, so that a request costs nothing more.
 */
export function createGuard(
  _config: GuardConfig,
  {
    server,
    name,
    limits,
    authenticator,
    serviceOf = () => name,
  }: GuardParts & { server: Server; name: string },
): Guard | undefined {
  if (limits === undefined && authenticator === undefined) return undefined
  const clientOf = createClients(server, 64)

  return {
    judge(request) {
      const client = clientOf(request)
      const path = routedPathOf(request)
      const limited = { client, method: request.method ?? '', path, service: serviceOf(path) }
      return judgeInOrder(request, limited, { limits, authenticator })
    },
    async close() {
      await Promise.all([limits?.close(), authenticator?.close()])
    },
  }
}

function judgeInOrder(
  request: IncomingMessage,
  limited: LimitedRequest,
  { limits, authenticator }: Pick<GuardParts, 'limits' | 'authenticator'>,
): Verdict | Promise<Verdict> {
  const { client } = limited
  return after(limits?.byClient(limited) ?? admitted, (byClient) => {
    if (byClient.refusal !== undefined) return verdict(client, undefined, byClient)
    return after(authenticator?.authenticate(request, client), (found) => {
      if (isRefusal(found)) {
        if (found.error.status === 401) limits?.charge(limited, guessCost)
        return verdict(client, undefined, { ...byClient, refusal: found })
      }
      return after(limits?.byPrincipal(limited, found, byClient) ?? byClient, (byPrincipal) =>
        verdict(client, found, byPrincipal),
      )
    })
  })
}

const admitted: Decision = { refusal: undefined, fields: [] }

/** Goes on at once with a value, and later with that of a promise. */
function after<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function isRefusal(found: Principal | Refusal | undefined): found is Refusal {
  return found !== undefined && 'error' in found
}

function verdict(
  client: Client,
  principal: Principal | undefined,
  { refusal, fields, release }: Decision,
): Verdict {
  return {
    client,
    principal,
    fields: refusal === undefined ? fields : [...fields, ...refusal.fields],
    instead: refusal?.error,
    release,
  }
}
