import type { Server } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { isAuthSettings } from '../config/index.ts'
import type { AuthSettings } from '../config/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { Authentication } from './authentication.ts'
import type { Credentials } from './challenges.ts'
import { isTrustedPeer } from './client.ts'
import type { Client } from './context.ts'

/** Undefined where nobody is authenticated; then none of the libraries is loaded. */
export async function openAuthentication(
  settings: Partial<AuthSettings>,
  {
    server,
    logger,
    metrics,
    clock,
    isOpen,
  }: {
    server: Server
    logger: Logger
    metrics: Metrics
    clock: Clock
    /** Whether a request without a token may go on to the route of the path. */
    isOpen: (path: string, request: Credentials, client: Client) => boolean
  },
): Promise<Authentication | undefined> {
  if (settings.AUTH === undefined || settings.AUTH === 'none') return undefined
  if (!isAuthSettings(settings)) throw new TypeError('The settings of authentication are not complete.')
  const { createAuthentication } = await import('./authentication.ts')
  return createAuthentication(settings, {
    clock,
    logger,
    metrics,
    originOf: (request) => originOf(server, request),
    isOpen,
  })
}

/** The scheme and the host that the client has used, as far as a proxy that is trusted or the request itself has them. */
export function originOf(server: Server, { headers, socket }: Credentials): string | undefined {
  const isTrusted = socket !== undefined && isTrustedPeer(server, socket)
  const forwardedHost = isTrusted ? headers['x-forwarded-host'] : undefined
  const host = String(forwardedHost ?? headers[':authority'] ?? headers.host ?? '')
  const forwardedScheme = isTrusted ? headers['x-forwarded-proto'] : undefined
  const scheme = forwardedScheme ?? (socket !== undefined && 'encrypted' in socket ? 'https' : 'http')
  return /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i.test(host) && /^https?$/.test(String(scheme))
    ? `${scheme}://${host}`
    : undefined
}
