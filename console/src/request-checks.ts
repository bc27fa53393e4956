import type { FastifyRequest } from 'fastify'
import { AppError } from '@quintet/chassis/errors'
import { listOf } from '@quintet/chassis/config'
import type { ConsoleConfig } from './config.ts'
import { isLoopback } from './config.ts'

/** Where other programs send what they record; they are no browsers, and have no field of their own. */
export const isOtlpRoute = (route = ''): boolean => route.startsWith('/v1/')

/**
 * Refuses requests for another host. The page of a stranger whose name is made to lead to this machine would otherwise be of the same
 * origin as the console (DNS rebinding).
 */
export function createHostCheck(
  config: Pick<ConsoleConfig, 'CONSOLE_HOST' | 'CONSOLE_HOSTS'>,
): (request: FastifyRequest) => AppError | undefined {
  const hosts = new Set([config.CONSOLE_HOST, ...listOf(config.CONSOLE_HOSTS)].map((name) => bare(name)))
  return ({ headers }) => {
    const host = bare((headers.host ?? '').replace(/:\d*$/, ''))
    if (isLoopback(host) || (host !== '' && hosts.has(host))) return undefined
    return new AppError('misdirected', 'Host must be one of this machine, or one that CONSOLE_HOSTS has.')
  }
}

/**
 * Refuses what a page of another origin could make a browser send. A field that only scripts set, and a media type that forms lack,
 * would need the permission of this server, which it gives to nobody (Fetch Standard, 3.2).
 */
export function refuseForeign(request: FastifyRequest): AppError | undefined {
  const { headers, routeOptions } = request
  const { origin, 'sec-fetch-site': site = 'same-origin', 'content-type': type = '' } = headers
  if (site !== 'same-origin' || (origin !== undefined && !isOwn(origin, headers.host ?? '')))
    return new AppError('forbidden', 'The request comes from another origin.')
  if (isOtlpRoute(routeOptions.url)) return undefined
  if (headers['x-quintet-console'] !== '1')
    return new AppError('forbidden', 'The request needs the field X-Quintet-Console: 1.')
  if (!/^application\/json *(?:;|$)/i.test(type))
    return new AppError('unsupported_media_type', 'Send Content-Type: application/json.')
  return undefined
}

/** What a page of another origin could make a browser get: it learns nothing of it, but each look has its cost. */
export function refuseForeignRead({
  headers,
  routeOptions: { url = '' },
}: FastifyRequest): AppError | undefined {
  const { 'sec-fetch-site': site = 'same-origin' } = headers
  if (!url.startsWith('/api') || site === 'same-origin' || site === 'none') return undefined
  return new AppError('forbidden', 'The request comes from another origin.')
}

function isOwn(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}

function bare(name: string): string {
  return name.toLowerCase().replace(/^\[(.*)\]$/, '$1')
}
