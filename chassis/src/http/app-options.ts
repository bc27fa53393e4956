import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import type { AuditLog } from '../audit/index.ts'
import type { Clock } from '../clock/index.ts'
import type { AppError } from '../errors/index.ts'
import type { GuardConfig, GuardParts, RequestLimits, VersionSettings } from '../guard/index.ts'
import type { CheckedPromise, PromiseChecks } from '../promises/index.ts'
import type { Logger, Metrics, Tracer } from '../telemetry/index.ts'
import type { ConnectionLimits } from './connections/bound.ts'
import type { RelatedPage } from './documentation/page.ts'
import type { FastPath } from './fast-path.ts'
import type { TlsOptions } from './tls.ts'
import type { WrongValueCode } from './validation.ts'

/** A Fastify instance whose handlers have the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  Logger['pino'],
  TypeBoxTypeProvider
> & {
  /** Resources that are served before the framework begins; see `getById`. */
  readonly fastPaths: FastPath[]
  /** The limits and quotas that the settings enable. */
  readonly limits: RequestLimits | undefined
  /** The audit log, where there is one, for effects that no request of this app has. */
  readonly audit: AuditLog | undefined
  /** What operators may see of it. */
  readonly observed: Observed
  /** The server that redirects requests without TLS. */
  readonly redirect: Redirect | undefined
  /** The OpenAPI document of this app's own routes. */
  describe(): Promise<object>
  /** Prepares to close: each response is the last on its connection, and the service is not ready. It still serves every request. */
  beginClosing(): void
}

export type Redirect = {
  /** 0 is any free one. */
  readonly port: number
  /** Listens, and gives the actual port; `securePort` is that of the app. */
  listen(options: ListenOptions, securePort: number): Promise<number>
  /** The actual port, once it listens. */
  boundPort(): number
  close(): Promise<void>
}

/** The probes of readiness by name: each resolves while its dependency responds. */
export type Dependencies = Readonly<Record<string, () => Promise<unknown>>>

/** What operators may see of an app, on its own port or on that of operations. */
export type Observed = {
  readonly name: string
  readonly metrics: Pick<Metrics, 'text'>
  /** Whether it can serve, and which of its dependencies respond. */
  readiness(): Promise<State>
  /** The readiness, unless the app has more to say. */
  health: () => Promise<{ readonly status: string }>
  /** What it promises, as far as that can be checked while it runs. */
  readonly promises: PromiseChecks
  /** Whether the operations listener serves them, so that the port of the app does not. */
  readonly isElsewhere: boolean
}

type State = {
  readonly status: 'ready' | 'not ready' | 'closing'
  /** `up`, or what is wrong with it, by the name of each. */
  readonly dependencies?: Readonly<Record<string, string>>
}

/** Timeouts of connections and requests, in milliseconds. */
export type Timeouts = {
  /** From the first byte of a request, or from the connection, until the whole request has arrived. */
  readonly requestMs: number
  /** For the next request to begin after a response; the server adds a second to the time that its Keep-Alive field states. */
  readonly idleMs: number
  /** How long a connection with a response in progress may transfer nothing before it is cut. */
  readonly stallMs: number
  /** How long a client may go on sending after a refusal, before the connection is cut. */
  readonly lingerMs: number
  /** How long a request that has begun may take to arrive once the server closes. */
  readonly lastRequestMs: number
  /** How long a list may take until its response is 503: less than the gateway waits for the response to begin. */
  readonly listMs: number
  /** How often requests are checked for being late. */
  readonly checkIntervalMs: number
}

export type AppOptions = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Records the traces of requests; without it they have ids only. */
  readonly tracer?: Tracer | undefined
  /** That of the machine by default. */
  readonly clock?: Clock
  /** The largest body of a request, in bytes, for routes without a `bodyLimit` of their own; 1 MiB by default. */
  readonly bodyBytesMax?: number
  /** Whether a response that its route does not describe becomes a 500; for tests and development. */
  readonly checkResponses?: boolean
  /** The member that repeats a problem's `detail`, for clients of an older interface. */
  readonly detailAlias?: 'error' | 'description' | 'message'
  /** The error code of values of the wrong type or form; `invalid` by default. */
  readonly wrongValueCode?: WrongValueCode
  /** Parses JSON bodies where JavaScript's numbers are not exact enough. */
  readonly parseJson?: (text: string) => unknown
  readonly dependencies?: Dependencies
  /** What is checked while it runs, and how often it is by itself; without the second, or with 0, it is checked on request only. */
  readonly promises?: readonly CheckedPromise[]
  readonly promiseCheckSeconds?: number
  /** Whether it has no documentation, health and metrics, but only the routes that are added to it. */
  readonly hasOnlyAddedRoutes?: boolean
  /** Whether `/` is a route of its own, rather than leads to the documentation. */
  readonly hasOwnHome?: boolean
  /** Refuses a request before anything else is decided about it, but for its form; also one that no route has. */
  readonly refuse?: (request: FastifyRequest) => AppError | undefined
  /** The scope of the routes that have none of their own; see `FastifySchema` in route-scopes.ts. */
  readonly scopes?: string
  /** TLS on its connections; none by default. */
  readonly tls?: TlsOptions | undefined
  /** The settings of the guard, which does only what they enable. */
  readonly guard?: GuardConfig
  readonly guardParts?: GuardParts
  /** The versions of the API in paths; none by default. */
  readonly versions?: VersionSettings
  /** The text of the setting `TRUSTED_PROXIES`; none by default. */
  readonly trustedProxies?: string
  /** Those that differ from `defaultConnectionLimits` in connections/bound.ts. */
  readonly connections?: Partial<ConnectionLimits>
  /** Routes whose responses come from another server, which checks the Accept header itself. */
  readonly forwardedRoutes?: ReadonlySet<string>
  /** Those that differ from `defaultTimeouts` in app.ts. */
  readonly timeouts?: Partial<Timeouts>
  /** Makes the OpenAPI document to publish from the one of this app's own routes. */
  readonly openapi?: (own: object) => Promise<object>
  /** The pages of documentation that the one of this app links to. */
  readonly relatedPages?: readonly RelatedPage[]
  /** The message of `/`, besides the links to the documentation. */
  readonly greeting?: string
}
