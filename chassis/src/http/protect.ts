import type { Server } from 'node:http'
import { trustProxies } from '../guard/index.ts'
import type { AppOptions } from './app-options.ts'
import { boundConnections, defaultConnectionLimits } from './connections/bound.ts'
import type { AdmitStream } from './connections/bound.ts'
import { headerFieldsMax } from './request-form.ts'

/** Gives a server its proxies and its limits. What is returned admits the streams of HTTP/2. */
export function protect(
  server: Server,
  {
    trustedProxies = 'none',
    connections,
    logger,
  }: Pick<AppOptions, 'trustedProxies' | 'connections' | 'logger'>,
): AdmitStream {
  trustProxies(server, trustedProxies)
  const admitStream = boundConnections(server, { ...defaultConnectionLimits, ...connections }, logger)
  // A client may close its side after its request, and read on (RFC 9112, 9.6).
  Object.assign(server, { httpAllowHalfOpen: true, maxHeadersCount: headerFieldsMax + 1 })
  return admitStream
}
