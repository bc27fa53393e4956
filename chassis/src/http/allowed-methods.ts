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
  return {
    ofServer() {
      const methods = new Set([...methodsByPath.values()].flatMap((each) => [...each]))
      return [...serverMethods.filter((method) => methods.has(method)), 'OPTIONS'].join(', ')
    },
    errorOf(request) {
      const { store, params } = paths.find('GET', request.url.split('?', 1)[0] ?? '') ?? {}
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

/** The methods of HTTP and of RFC 5789: a gateway forwards others too, for services to refuse. */
const serverMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
