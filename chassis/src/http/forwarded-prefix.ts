import type { FastifyReply, FastifyRequest } from 'fastify'
import { isFromTrustedProxy, versionPrefixOf } from '../guard/index.ts'

/** What has been taken off the path that the client requested: by a trusted proxy, such as the gateway, and as its version; empty for nothing. */
export function forwardedPrefixOf(request: FastifyRequest): string {
  const version = versionPrefixOf(request.raw)
  const prefix = request.headers['x-forwarded-prefix']
  if (typeof prefix !== 'string' || !isFromTrustedProxy(request)) return version
  return /^(?:\/\w[\w.~-]*){1,8}$/.test(prefix) ? prefix + version : version
}

/** Puts it before the paths that `Location` and `Link` lead the client to. */
export function prefixReferences(request: FastifyRequest, reply: FastifyReply): void {
  const prefix = forwardedPrefixOf(request)
  if (prefix === '') return
  const [location, link] = [reply.getHeader('location'), reply.getHeader('link')]
  if (typeof location === 'string' && location.startsWith('/')) reply.header('location', prefix + location)
  if (typeof link === 'string') reply.header('link', link.replaceAll('</', `<${prefix}/`))
}
