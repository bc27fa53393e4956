import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { AppError } from '../errors/index.ts'
import { createGuard, openAuthentication, setRefusal } from '../guard/index.ts'
import type { AppParts, Authentication, Guard, GuardParts } from '../guard/index.ts'
import type { App, AppOptions } from './app-options.ts'
import type { FastPath } from './fast-path.ts'
import { addFields } from './guarded-response.ts'
import { createRouteScopes, observeScope, refusalByScope } from './route-scopes.ts'
import type { RouteScopes } from './route-scopes.ts'

export type Access = {
  /** Undefined where the settings enable nothing. */
  readonly guard: Guard | undefined
  /** Undefined where nobody is authenticated. */
  readonly authentication: Authentication | undefined
  readonly scopes: RouteScopes
  /** The refusal of a request whose sender may not use the route with this schema; its fields are added to the response. */
  refusalOf(
    request: FastifyRequest,
    reply: FastifyReply,
    schema: FastifySchema | undefined,
  ): AppError | undefined
  /** Whether the sender of a request to an open route may see the state of what the service needs. */
  mayObserve(request: FastifyRequest): boolean
  /** The same as `refusalOf` for a fast path, whose request the framework then refuses. */
  readonly isRefused: ((request: IncomingMessage, fastPath: FastPath) => boolean) | undefined
}

/** Who may use an app, and which of its routes. Before the routes are added, since each of them gets a scope. */
export async function openAccess(
  app: App,
  options: AppOptions,
  parts: Omit<AppParts, 'server'> & Pick<GuardParts, 'limits'>,
): Promise<Access> {
  const { guard: settings = {}, guardParts } = options
  const { server } = app
  const scopes = createRouteScopes(options.scopes)
  app.addHook('onRoute', scopes.add)
  const authentication = await openAuthentication(settings, {
    ...parts,
    server,
    isOpen: scopes.isOpen,
  })
  const guard = createGuard(settings, {
    authenticator: authentication,
    ...parts,
    ...guardParts,
    server,
  })
  return { guard, authentication, scopes, ...refusals(authentication, scopes) }
}

function refusals(
  authentication: Authentication | undefined,
  scopes: RouteScopes,
): Pick<Access, 'refusalOf' | 'isRefused' | 'mayObserve'> {
  if (authentication === undefined)
    return { refusalOf: () => undefined, isRefused: undefined, mayObserve: () => true }
  return {
    mayObserve: ({ raw }) => refusalByScope(authentication, raw, observeScope) === undefined,
    refusalOf(request, reply, schema) {
      if (request.is404) return undefined
      const refusal = refusalByScope(authentication, request.raw, schema?.scope)
      if (refusal === undefined) return undefined
      addFields(reply.raw, refusal.fields)
      setRefusal(request.raw, refusal.error)
      return refusal.error
    },
    isRefused: (request, { route }) =>
      refusalByScope(authentication, request, scopes.ofGet(route)) !== undefined,
  }
}
