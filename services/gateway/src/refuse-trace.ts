import { AppError } from '@quintet/chassis/errors'
import { fieldOf } from './get-from.ts'
import type { Reply } from './respond-from.ts'
import type { ExchangeListener } from './http1/connection.ts'
import { exchangeFailed } from './upstream-problems.ts'
import type { Upstream } from './upstream.ts'

/**
 * Refuses TRACE, which would show its sender what the gateway adds to a request. It is not forwarded: the service gets OPTIONS
 * instead, without the client's fields, because 405 must name the methods of the target (RFC 9110, 15.5.6).
 */
export function refuseTrace(upstream: Upstream, path: string, client: string, reply: Reply): void {
  const listener: ExchangeListener = {
    onHead(response, whole) {
      if (whole === undefined) exchange.abort()
      reply.send(notAllowed(fieldOf(response, 'allow') ?? ''))
    },
    onBody() {},
    onEnd() {},
    onFailure: (failure) => reply.send(exchangeFailed(upstream.service, failure)),
  }
  const exchange = upstream.send(
    {
      method: 'OPTIONS',
      target: path,
      head: '\r\n',
      body: undefined,
      isChunked: false,
      hasBody: false,
      client,
    },
    listener,
  )
}

function notAllowed(allow: string): AppError {
  return new AppError('method_not_allowed', `TRACE is not allowed; allowed: ${allow}.`, {
    headers: { allow },
  })
}
