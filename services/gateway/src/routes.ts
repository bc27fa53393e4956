import { AppError } from '@quintet/chassis/errors'
import type { App } from '@quintet/chassis/http'
import { forward } from './forward.ts'
import { Health, checkHealth } from './health.ts'
import type { Destination } from './topology.ts'
import { routesOf } from './topology.ts'
import type { Upstream } from './upstream.ts'

/** Everything that leads to a service: any method, any body, any query. */
export function forwardingRoutes(app: App, destinations: readonly Destination[]): void {
  for (const { paths, upstream } of destinations)
    for (const [path, pathThere] of Object.entries(paths))
      for (const route of routesOf(path)) forwardingRoute(app, { route, path, pathThere, upstream })
}

type Forwarding = {
  route: string
  path: string
  pathThere: string
  upstream: Upstream
}

/** A request is taken over before the framework looks at its body, which is for the service to read and to judge. */
function forwardingRoute(app: App, { route, path, pathThere, upstream }: Forwarding): void {
  app.all(route, {
    schema: { hide: true },
    onRequest(request, reply) {
      forward(upstream, targetOf(request.url, path, pathThere), request, reply)
    },
    handler: unreachable,
  })
}

function unreachable(): never {
  throw new Error('a forwarded request has come through')
}

/** The request target as it goes to the service: as it came, byte for byte, unless the path has another name there. */
function targetOf(url: string, path: string, pathThere: string): string {
  // The absolute form is what clients send that take this for a proxy (RFC 9112, 3.2.2).
  const target = url.replace(/^https?:\/\/.*?\//i, '/')
  if (path === pathThere) return target
  // A path can be spelt with escapes; only the plain spelling can be put in other words.
  if (!target.startsWith(path)) throw new AppError('not_found', `There is nothing at ${url}.`)
  return pathThere + target.slice(path.length)
}

export function healthRoute(app: App, destinations: readonly Destination[]): void {
  const schema = {
    tags: ['operation'],
    operationId: 'getHealth',
    summary: 'How is each service?',
    response: { 200: Health },
  }
  app.get('/health', { schema }, () => checkHealth(destinations))
}
