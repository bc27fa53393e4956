import type { IncomingMessage } from 'node:http'
import type { FastifySchema, RouteOptions } from 'fastify'
import { decisionOf } from '../guard/index.ts'
import type { Authentication, Client, Refusal } from '../guard/index.ts'

declare module 'fastify' {
  interface FastifySchema {
    /**
     * Who may use the route where clients are authenticated: everybody, for `public`; who has this scope, as `quintet:observe`; or, for
     * a word such as `movies`, who has `movies:read` for GET and HEAD, and `movies:write` for any other method. That of the app by default.
     */
    scope?: string
  }
}

export type RouteScopes = ReturnType<typeof createRouteScopes>

/** Gives each route of an app its scope. `ofApp` is that of the routes that have none of their own. */
export function createRouteScopes(ofApp: string | undefined) {
  /** The scopes of the routes that may need no token, by their paths, in which an asterisk stands for a parameter at the end. */
  const open = new Map<string, string>()
  const ofGet = new Map<string, string | undefined>()
  const all = new Set<string>()
  return {
    /** For the hook `onRoute`, before all that read the schema. */
    add(route: RouteOptions): void {
      const scope = route.schema?.scope ?? ofApp
      if (scope !== undefined) route.schema = { ...route.schema, scope }
      if (scope === publicScope || scope === observeScope) open.set(route.url.replace(/:\w+$/, '*'), scope)
      for (const method of [route.method].flat()) {
        const needed = neededScope(scope, method)
        if (needed !== undefined) all.add(needed)
      }
      if (route.method === 'GET') ofGet.set(route.url, scope)
    },
    /** Those that the routes need. */
    all: () => [...all].sort(),
    /** The scope of GET of a route. */
    ofGet: (route: string) => ofGet.get(route),
    /** Whether a request without a token may go on to its route. `path` is as routes match it. */
    isOpen(path: string, request: Pick<IncomingMessage, 'headers'>, client: Client): boolean {
      const scope = open.get(path) ?? open.get(`${path.slice(0, path.lastIndexOf('/') + 1)}*`)
      return scope === publicScope || (scope === observeScope && isFromThisMachine(request, client))
    },
  }
}

const publicScope = 'public'
/** That of what operators see. */
export const observeScope = 'quintet:observe'

/** The scope that a request with this method needs; undefined if it needs none. */
export function neededScope(scope: FastifySchema['scope'], method: string): string | undefined {
  if (scope === publicScope) return undefined
  // What has no scope is for nobody but those who operate the system.
  if (scope === undefined || scope.includes(':')) return scope ?? 'quintet:admin'
  return `${scope}:${method === 'GET' || method === 'HEAD' ? 'read' : 'write'}`
}

/** The refusal of a request whose sender may not use a route with this scope; undefined if it may. */
export function refusalByScope(
  { challenges, isRequired }: Authentication,
  request: IncomingMessage,
  scope: FastifySchema['scope'],
): Refusal | undefined {
  const needed = neededScope(scope, request.method ?? '')
  if (needed === undefined) return undefined
  const { principal, client } = decisionOf(request) ?? {}
  if (needed === observeScope && client !== undefined && isFromThisMachine(request, client)) return undefined
  if (principal !== undefined)
    return principal.scopes.has(needed) ? undefined : challenges.insufficientScope(request, needed)
  const isOfOperators = needed.startsWith('quintet:')
  return isRequired || isOfOperators ? challenges.unauthorized(request) : undefined
}

/** Not if a proxy on this machine has forwarded the request. */
function isFromThisMachine({ headers }: Pick<IncomingMessage, 'headers'>, { address }: Client): boolean {
  return (
    (address === '::1' || address.startsWith('127.')) &&
    headers['x-forwarded-for'] === undefined &&
    headers.forwarded === undefined
  )
}
