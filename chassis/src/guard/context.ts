import type { IncomingMessage } from 'node:http'
import type { AppError } from '../errors/index.ts'

/** Where a request comes from. */
export type Client = {
  /** The address without zone or mapping, as IPv4 or IPv6 text. */
  readonly address: string
  /** What limits count by: the IPv4 address, or the network of the IPv6 address (/64 by default). */
  readonly key: string
}

/** Who sends a request, once its token or API key has been verified. */
export type Principal = {
  /** `<issuer>|<subject>` of a token, `key:<id>` of an API key: the owner of what it creates; at most 255 characters. */
  readonly id: string
  readonly kind: 'token' | 'key'
  readonly scopes: ReadonlySet<string>
  readonly plan: string | undefined
  /** From when on its token or API key is not accepted, in milliseconds of the epoch. */
  readonly expiresAt: number | undefined
}

/** A response in place of the one that was requested. */
export type Refusal = {
  readonly error: AppError
  /** Field names and values in turn. */
  readonly fields: readonly string[]
}

/** What a limit counts. */
export type LimitedRequest = {
  readonly client: Client
  readonly method: string
  /** As it is routed: without the query and the version, decoded, and without a slash at its end. */
  readonly path: string
  /** The service that the path belongs to: this one, or the one that the gateway forwards it to. */
  readonly service: string
  /** Whether it has a token, an API key or a password, whatever that is worth. */
  readonly hasCredentials: boolean
}

export type Decision = {
  readonly refusal: Refusal | undefined
  /** Field names and values in turn, for the response whatever it is. */
  readonly fields: readonly string[]
  /** Called when the response is over. */
  release?(): void
}

/** Decides how many requests a client may send. A decision is a promise only where it takes a request to another server. */
export type Limits = {
  /** Before authentication, by address. */
  byClient(request: LimitedRequest): Decision | Promise<Decision>
  /** After it: by principal, plan, route and all. `before` is the decision by address, whose fields the new one has too. */
  byPrincipal(
    request: LimitedRequest,
    principal: Principal | undefined,
    before: Decision,
  ): Decision | Promise<Decision>
  /** Counts more for the address, as for a guess at a token. */
  charge(request: LimitedRequest, cost: number): void
  close(): Promise<void>
}

/** Finds out who sends a request; undefined is nobody in particular, where that is admitted. */
export type Authenticator = {
  authenticate(
    request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>,
    from: Pick<LimitedRequest, 'client' | 'path'>,
  ): Principal | Refusal | undefined | Promise<Principal | Refusal | undefined>
  close(): Promise<void>
}

/** What the guard has decided about a request. */
export type GuardDecision = {
  readonly client: Client
  /** Whether clients are authenticated here, so that owners count. */
  readonly hasOwners: boolean
  readonly principal: Principal | undefined
  /** Field names and values in turn, for the response whatever it is. */
  readonly fields: readonly string[]
  /** What happens in place of what was requested: an error, the response to a preflight, or the end of the connection. */
  readonly instead: unknown
  readonly release: (() => void) | undefined
}

const decisionOfRequest = Symbol('guardDecision')
const refusalByRoute = Symbol('refusalByRoute')

type Decided = Pick<IncomingMessage, 'headers'> & {
  [decisionOfRequest]?: GuardDecision
  [refusalByRoute]?: AppError
}

export function setDecision(request: Decided, decision: GuardDecision): void {
  request[decisionOfRequest] = decision
}

/** Keeps a refusal that is decided behind the guard, by the scope of the route or by the limits of logins. */
export function setRefusal(request: Decided, error: AppError): void {
  request[refusalByRoute] = error
}

/** What a request got in place of the response of its route, if that was decided by who sends it, from where and how often. */
export function refusalOfRequest(request: Decided): unknown {
  return request[decisionOfRequest]?.instead ?? request[refusalByRoute]
}

/** Undefined where there is no guard, and for requests that come past it, as those of tests without a connection. */
export function decisionOf(request: Decided): GuardDecision | undefined {
  return request[decisionOfRequest]
}
