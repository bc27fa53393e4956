import type { FastifyRequest } from 'fastify'
import FindMyWay from 'find-my-way'
import { AppError } from '../errors/index.ts'
import type { App } from './app-options.ts'

/** Collects the methods of each path, so that a wrong one is 405 with `Allow` rather than 404 (RFC 9110, 15.5.6). */
export function createAllowedMethods(
  app: App,
  maxParamLength: number,
): {
  errorOf(request: FastifyRequest): AppError
  /** Whether the path of a request is that of another route, which lacks the method, as `/users/login` of `/users/:id`. */
  isOfAnother(request: FastifyRequest, route: string): boolean
  /** The methods that any resource has, for `OPTIONS *` (RFC 9110, 9.3.7). */
  ofServer(): string
} {
  const paths = FindMyWay({ ignoreTrailingSlash: true, maxParamLength })
  const methodsByPath = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ method, url }) => {
    const path = url.length > 1 && url.endsWith('/') ? url.slice(0, -1) : url
    let methods = methodsByPath.get(path)
    if (methods === undefined) {
      methods = new Set()
      methodsByPath.set(path, methods)
      paths.on('GET', path, () => {}, methods)
    }
    for (const one of [method].flat()) methods.add(one)
  })
  /** The routes that match the paths of others too. */
  const overlapping = new Set<string>()
  app.addHook('onReady', async () => {
    const routes = [...methodsByPath.keys()]
    for (const route of routes) if (routes.some((other) => overlaps(route, other))) overlapping.add(route)
  })
  const find = ({ url }: FastifyRequest) => paths.find('GET', url.split('?', 1)[0] ?? '')
  return {
    isOfAnother: (request, route) =>
      overlapping.has(route) && find(request)?.store !== methodsByPath.get(route),
    ofServer() {
      const methods = new Set([...methodsByPath.values()].flatMap((each) => [...each]))
      return [...serverMethods.filter((method) => methods.has(method)), 'OPTIONS'].join(', ')
    },
    errorOf(request) {
      const { store, params } = find(request) ?? {}
      // An empty parameter, as the id in `/movies//`, names nothing.
      const isThere = store instanceof Set && !Object.values(params ?? {}).includes('')
      const allow = isThere && !store.has(request.method) ? [...store].join(', ') : ''
      if (allow === '')
        return new AppError('not_found', `There is no route ${request.method} ${request.url}.`)
      return new AppError('method_not_allowed', `${request.method} is not allowed here; allowed: ${allow}.`, {
        headers: { allow },
      })
    },
  }
}

/** Whether a route has a parameter where another one has a fixed segment, and nothing else differs. */
function overlaps(route: string, other: string): boolean {
  const [segments, others] = [route.split('/'), other.split('/')]
  return (
    route !== other &&
    segments.length === others.length &&
    segments.every((segment, at) => segment === others[at] || segment.startsWith(':'))
  )
}

/** The methods of HTTP and of RFC 5789: a gateway forwards others too, for services to refuse. */
const serverMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
