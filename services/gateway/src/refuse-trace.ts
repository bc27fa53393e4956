import type { IncomingMessage } from 'node:http'
import { AppError } from '@quintet/chassis/errors'
import { clientNetworkOf, isFromTrustedProxy } from '@quintet/chassis/http'
import { forwardingFields } from './forwarding-fields.ts'
import { fieldOf } from './get-from.ts'
import type { Incoming, Reply } from './respond-from.ts'
import type { ExchangeListener } from './http1/connection.ts'
import { exchangeFailed } from './upstream-problems.ts'
import type { Upstream } from './upstream.ts'

/**
 * Refuses TRACE, which would show its sender what the gateway adds to a request. It is not forwarded: the service gets OPTIONS
 * instead, because 405 must name the methods of the target (RFC 9110, 15.5.6). Of the client it has the address and the credentials, which
 * the service may demand; what it refuses by these is the response.
 */
export function refuseTrace(upstream: Upstream, path: string, request: Incoming, reply: Reply): void {
  const listener: ExchangeListener = {
    onHead(response, whole) {
      if (whole === undefined) exchange.abort()
      const allow = fieldOf(response, 'allow')
      if (allow !== undefined || response.status < 400 || whole === undefined)
        return void reply.send(notAllowed(allow))
      reply.raw.writeHead(response.status, response.reason, response.headers)
      reply.hijack()
      reply.raw.end(whole, 'latin1')
    },
    onBody() {},
    onEnd() {},
    onFailure: (failure) => reply.send(exchangeFailed(upstream.service, failure)),
  }
  const isTrusted = isFromTrustedProxy(request)
  const { raw } = request
  const forwarding = forwardingFields(raw, { forwardedHost: raw.headers.host, prefix: '', isTrusted })
  const exchange = upstream.send(
    {
      method: 'OPTIONS',
      target: path,
      head: `${forwarding}${credentialsOf(raw)}X-Request-Id: ${request.id}\r\n\r\n`,
      body: undefined,
      isChunked: false,
      hasBody: false,
      client: clientNetworkOf(request),
    },
    listener,
  )
}

function credentialsOf({ rawHeaders }: IncomingMessage): string {
  let fields = ''
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (/^(?:authorization|x-api-key)$/i.test(rawHeaders[at] ?? ''))
      fields += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return fields
}

function notAllowed(allow = ''): AppError {
  return new AppError('method_not_allowed', `TRACE is not allowed; allowed: ${allow}.`, {
    headers: { allow },
  })
}
