import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, RawServerDefault } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { FastPath } from './fast-path.ts'
import type { WrongValueCode } from './validation.ts'

/** A Fastify instance whose handlers know the types of what their schemas let through. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  Logger['pino'],
  TypeBoxTypeProvider
>

/** What readiness asks, by name: each probe resolves while its dependency answers. */
export type Dependencies = Readonly<Record<string, () => Promise<unknown>>>

export type AppOptions = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly logger: Logger
  readonly metrics?: Metrics
  /** The member that repeats a problem's `detail`, for clients of the interface that this service grew from. */
  readonly detailAlias?: 'error' | 'description' | 'message'
  /** What tells of values of the wrong type or form; `invalid` unless it is said. */
  readonly wrongValueCode?: WrongValueCode
  /** Reads JSON where numbers of the language would not do. */
  readonly parseJson?: (text: string) => unknown
  readonly dependencies?: Dependencies
  /** Routes whose answers come from elsewhere, so that it is not for this app to judge what the client accepts. */
  readonly forwardedRoutes?: ReadonlySet<string>
  /** Answers at once what is at hand as text, before the framework begins; see `createQuickListener`. */
  readonly fastPath?: FastPath
  /** Makes the OpenAPI document that goes out of the one that describes this app's own routes. */
  readonly openapi?: (own: object) => Promise<object>
}
