import { AppError } from '@quintet/chassis/errors'
import type { App } from '@quintet/chassis/http'
import { forward } from './forward.ts'
import { Health, checkHealth } from './health.ts'
import type { Destination } from './topology.ts'
import { routesOf } from './topology.ts'
import type { Upstream } from './upstream.ts'

/** The routes that are forwarded to services: any method, any body, any query. */
export function forwardingRoutes(app: App, destinations: readonly Destination[]): void {
  for (const { paths, upstream } of destinations)
    for (const [path, servicePath] of Object.entries(paths))
      for (const route of routesOf(path))
        forwardingRoute(app, { route, path, pathThere: servicePath, upstream })
}

type ForwardingRoute = {
  route: string
  path: string
  pathThere: string
  upstream: Upstream
}

/** Forwards before the framework reads the body, which the service parses and validates. */
function forwardingRoute(app: App, { route, path, pathThere, upstream }: ForwardingRoute): void {
  app.all(route, {
    schema: { hide: true },
    onRequest(request, reply) {
      forward(upstream, targetOf(request.url, path, pathThere), request, reply)
    },
    handler: unreachable,
  })
}

function unreachable(): never {
  throw new Error('a forwarded request reached the handler')
}

/** The request target for the service: unchanged byte for byte, unless the service has another path for it. */
function targetOf(url: string, path: string, pathThere: string): string {
  // Clients that treat the gateway as a proxy send the absolute form (RFC 9112, 3.2.2).
  const target = url.replace(/^https?:\/\/.*?\//i, '/')
  if (path === pathThere) return target
  // A path with percent-encoded letters matches the route, but cannot be rewritten by its prefix.
  if (!target.startsWith(path)) throw new AppError('not_found', `There is nothing at ${url}.`)
  return pathThere + target.slice(path.length)
}

export function healthRoute(app: App, destinations: readonly Destination[]): void {
  const schema = {
    tags: ['operation'],
    operationId: 'getHealth',
    summary: 'The state of each service',
    response: { 200: Health },
  }
  app.get('/health', { schema }, () => checkHealth(destinations))
}
