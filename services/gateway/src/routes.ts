import { createShared } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'
import { bodyTooLarge, hasMeaningfulBody, versionPrefixOf } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { Forwarder, Target } from './forward.ts'
import { Health, checkHealth } from './health.ts'
import type { OrderQueue } from './lazy-queue.ts'
import { maxForwards } from './max-forwards.ts'
import { refuseTrace } from './refuse-trace.ts'
import type { Destination } from './topology.ts'
import { routesOf } from './topology.ts'
import type { Upstream } from './upstream.ts'

/** An import of node:http would load undici as well, 40 ms of a start. */
const { METHODS } = process.getBuiltinModule('node:http')

/** The routes that are forwarded to services: any method, any body, any query. A service refuses the methods that it lacks. */
export function forwardingRoutes(app: App, destinations: readonly Destination[], forwarder: Forwarder): void {
  for (const method of METHODS)
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method)
  for (const { paths, scopes, upstream, bodyBytesMax } of destinations)
    for (const [path, servicePath] of Object.entries(paths))
      for (const route of routesOf(path))
        forwardingRoute(app, forwarder, {
          route,
          path,
          pathThere: servicePath,
          scopes,
          upstream,
          bodyBytesMax,
        })
}

type ForwardingRoute = {
  route: string
  path: string
  pathThere: string
  scopes: string
  upstream: Upstream
  bodyBytesMax: number
}

/** Forwards before the framework reads the body, which the service parses and validates. */
function forwardingRoute(
  app: App,
  forwarder: Forwarder,
  { route, path, pathThere, scopes, upstream, bodyBytesMax }: ForwardingRoute,
): void {
  app.all(route, {
    schema: { hide: true, scope: scopes },
    onRequest(request, reply) {
      // A body of unknown length is refused by the service when it becomes too large.
      const isTooLarge = Number(request.headers['content-length']) > bodyBytesMax
      if (isTooLarge && hasMeaningfulBody(request.raw)) throw bodyTooLarge(bodyBytesMax)
      const forwardsLeft = maxForwards(request.method, request.headers['max-forwards'])
      const version = versionPrefixOf(request.raw)
      const target = targetOf(request.url, { path, pathThere, version, forwardsLeft })
      if (request.method === 'TRACE') refuseTrace(upstream, target.path, request, reply)
      else if (forwardsLeft === 0) reply.code(204).header('allow', forwardedMethods).send()
      else forwarder.forward(upstream, target, request, reply)
    },
    handler: unreachable,
  })
}

/** The methods that the gateway itself names where it is the last recipient; services allow fewer, or others. */
const forwardedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

function unreachable(): never {
  throw new Error('a forwarded request reached the handler')
}

/**
 * The target for the service: unchanged byte for byte, unless the service has another path for it. Clients that treat the gateway
 * as a proxy send the absolute form.
 */
function targetOf(
  url: string,
  route: { path: string; pathThere: string; version: string; forwardsLeft: number | undefined },
): Target {
  const { path, pathThere, version, forwardsLeft } = route
  const absolute = url.startsWith('/') ? undefined : absoluteForm.exec(url)
  if (absolute === null) throw new AppError('malformed', 'The request target is not a valid URL.')
  const target = absolute?.[2] ?? url
  const authority = absolute?.[1]
  if (path === pathThere) return { path: target, prefix: version, authority, forwardsLeft }
  const prefix = path.endsWith(pathThere) ? path.slice(0, -pathThere.length) : ''
  return {
    path: pathThere + target.slice(lengthOf(path, target)),
    prefix: version + prefix,
    authority,
    forwardsLeft,
  }
}

/** The length of a path at the beginning of a target that it matches, where its characters may be percent-encoded. */
function lengthOf(path: string, target: string): number {
  let length = 0
  for (const character of path) length += target[length] === character ? 1 : 3
  return length
}

/** RFC 9112, 3.2.2, without user information (RFC 9110, 4.2.4). */
const absoluteForm = /^https?:\/\/([^/?@]+)(\/.*)$/is

/** Adds the state of the system, for the port of operations where there is one. */
export function healthRoute(
  app: App,
  destinations: readonly Destination[],
  queue: Pick<OrderQueue, 'ping'>,
): void {
  const check = createShared(() => checkHealth(destinations, queue, app.limits))
  app.observed.health = check
  if (app.observed.isElsewhere) return
  const schema = {
    tags: ['operation'],
    scope: 'quintet:observe',
    operationId: 'getHealth',
    summary: 'The state of each service, of the queue and of the limits',
    description: 'The status is 200 in any case; `degraded` says that one of them is down.',
    response: { 200: Health },
  }
  app.get('/health', { schema }, check)
}
