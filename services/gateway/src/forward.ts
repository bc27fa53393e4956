import type { ServerResponse } from 'node:http'
import { isFromTrustedProxy } from '@quintet/chassis/http'
import type { FastifyRequest } from '@quintet/chassis/http'
import { forwardedHead } from './forwarded-head.ts'
import type { Exchange, Upstream } from './upstream.ts'
import type { ExchangeListener, ExchangeError } from './http1/connection.ts'
import { exchangeFailed } from './upstream-problems.ts'

/** The parts of the framework's request and reply that are used here. */
type Incoming = Pick<FastifyRequest, 'raw' | 'id' | 'log' | 'server'>
export type Reply = { readonly raw: ServerResponse; hijack(): unknown; send(error: Error): unknown }

export type Target = {
  /** The path and the query that the service gets. */
  readonly path: string
  /** The host in a target of the absolute form, which overrides the Host field (RFC 9112, 3.2.2). */
  readonly authority: string | undefined
  /** How many more times the request may be forwarded, this time included; undefined without a limit. */
  readonly forwardsLeft: number | undefined
}

/**
 * Forwards a request to an upstream, and its response to the client, as streams with backpressure: bodies are neither parsed
 * nor buffered. Throws AppError where the request is refused before it is sent.
 */
export function forward(upstream: Upstream, target: Target, request: Incoming, reply: Reply): void {
  const incoming = request.raw
  const response = reply.raw
  const isChunked = incoming.headers['transfer-encoding'] !== undefined
  const hasBody = isChunked || (incoming.headers['content-length'] ?? '0') !== '0'
  const head = forwardedHead(incoming, {
    path: target.path,
    host: upstream.url.host,
    requestId: request.id,
    forwardsLeft: target.forwardsLeft,
    forwardedHost: target.authority ?? incoming.headers.host,
    isTrusted: isFromTrustedProxy(request),
  })

  const listener: ExchangeListener = {
    onHead({ status, reason, headers }, whole) {
      // The Date field is up to the upstream (RFC 9110, 6.6.1).
      response.sendDate = false
      response.writeHead(status, reason, headers)
      reply.hijack()
      if (whole === undefined) startStreaming(response, exchange)
      else response.end(whole, 'latin1')
    },
    onBody(chunk) {
      if (!response.write(chunk)) exchange.pause()
    },
    onEnd() {
      response.end()
    },
    onFailure(failure) {
      if (response.headersSent) truncate(request, response, failure)
      else if (!response.destroyed) reply.send(exchangeFailed(upstream.service, failure))
    },
  }
  const exchange: Exchange = upstream.send(
    { method: incoming.method ?? 'GET', head, body: hasBody ? incoming : undefined, isChunked },
    listener,
  )
  response.on('close', exchange.abort)
}

/**
 * Ends a response that has begun, so that the client sees that it is incomplete. A client of HTTP/1.0 takes a normal close for
 * the end of the response, so its connection is reset.
 */
function truncate(request: Incoming, response: ServerResponse, failure: ExchangeError): void {
  request.log.warn({ err: failure, requestId: request.id }, 'a response was truncated')
  if (request.raw.httpVersion === '1.0') request.raw.socket.resetAndDestroy()
  else response.destroy()
}

function startStreaming(response: ServerResponse, exchange: Exchange): void {
  response.on('drain', exchange.resume)
  response.flushHeaders()
}
