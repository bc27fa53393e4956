import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '@quintet/chassis/errors'
import { forwardedHead } from './forwarded-head.ts'
import type { Exchange, Upstream } from './upstream.ts'
import type { ExchangeListener, ExchangeError } from './http1/connection.ts'
import { failed } from './upstream-problems.ts'

/** What is needed of the framework's request and reply. */
type Incoming = {
  readonly raw: IncomingMessage
  readonly id: string
  readonly log: { warn(details: object, message: string): void }
}
type Reply = { readonly raw: ServerResponse; hijack(): unknown; send(error: Error): unknown }

/**
 * Passes a request to an upstream, and its answer back, as streams: neither body is looked at, nor held beyond what a slow
 * reader leaves in the buffers of its connection. Throws AppError where the request is not even sent.
 */
export function forward(upstream: Upstream, path: string, request: Incoming, reply: Reply): void {
  const incoming = request.raw
  const response = reply.raw
  const isChunked = checkCoding(incoming.headers['transfer-encoding']) !== undefined
  const hasBody = isChunked || (incoming.headers['content-length'] ?? '0') !== '0'
  const head = forwardedHead(incoming, { path, host: upstream.url.host, requestId: request.id })

  const listener: ExchangeListener = {
    onHead({ status, reason, headers }, whole) {
      reply.hijack()
      // The time is the upstream's to tell, or not to.
      response.sendDate = false
      response.writeHead(status, reason, headers)
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
      if (response.headersSent) cutShort(request, response, failure)
      else if (!response.destroyed) reply.send(failed(upstream.service, failure))
    },
  }
  const exchange: Exchange = upstream.send(
    { method: incoming.method ?? 'GET', head, body: hasBody ? incoming : undefined, isChunked },
    listener,
  )
  response.on('close', exchange.abort)
}

/** Any other coding is still in the body after the chunks, and a service that took it for plain would misread it. */
function checkCoding(coding: string | undefined): string | undefined {
  if (coding === undefined || coding.toLowerCase() === 'chunked') return coding
  throw new AppError('malformed', 'Of the transfer codings, only chunked is understood here.')
}

/**
 * What was sent of an answer cannot be taken back, only be seen to be incomplete. A client of HTTP/1.0 may take any end of
 * the connection for the end of the answer, but for a reset.
 */
function cutShort(request: Incoming, response: ServerResponse, failure: ExchangeError): void {
  request.log.warn({ err: failure, requestId: request.id }, 'an answer was cut short')
  if (request.raw.httpVersion === '1.0') request.raw.socket.resetAndDestroy()
  else response.destroy()
}

function startStreaming(response: ServerResponse, exchange: Exchange): void {
  response.on('drain', exchange.resume)
  response.flushHeaders()
}
