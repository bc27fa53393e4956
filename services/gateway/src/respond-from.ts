import type { ServerResponse } from 'node:http'
import type { FastifyRequest } from '@quintet/chassis/http'
import type { createDeadlines } from './deadlines.ts'
import type { ExchangeListener, ExchangeError } from './http1/connection.ts'
import type { ResponseHead } from './http1/response-parser.ts'
import type { ClientRequest, Exchange, Upstream } from './upstream.ts'
import { exchangeFailed } from './upstream-problems.ts'

/** The parts of the framework's request and reply that are used here. */
export type Incoming = Pick<FastifyRequest, 'raw' | 'id' | 'log' | 'server'>
export type Reply = { readonly raw: ServerResponse; hijack(): unknown; send(error: unknown): unknown }

type Parts = {
  readonly deadlines: ReturnType<typeof createDeadlines>
  /** Ends each stream of server-sent events. */
  readonly streams: Set<() => void>
}

/** Sends a request to an upstream, and responds to the client with its response. Throws AppError where it is refused. */
export function respondFrom(
  upstream: Upstream,
  outgoing: ClientRequest,
  request: Incoming,
  reply: Reply,
  { deadlines, streams }: Parts,
): void {
  const response = reply.raw
  const listener: ExchangeListener = {
    onHead(head, whole) {
      if (whole === undefined && isEventStream(head) && !beginStream()) return
      // The Date field is up to the upstream (RFC 9110, 6.6.1).
      response.sendDate = false
      response.writeHead(head.status, head.reason, head.headers)
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
  const exchange = upstream.send(outgoing, listener)
  const deadline = deadlines.begin(() => {
    const hasBegun = response.headersSent
    exchange.cut()
    // What the service has sent in full may still be unread by the client.
    if (hasBegun) response.destroy()
  })
  response.on('close', () => {
    deadlines.end(deadline)
    streams.delete(endStream)
    request.raw.socket.off('end', endStreamSoon)
    exchange.abort()
  })

  function beginStream(): boolean {
    try {
      exchange.stream()
    } catch (error) {
      exchange.abort()
      reply.send(error)
      return false
    }
    deadlines.end(deadline)
    streams.add(endStream)
    const { socket } = request.raw
    if (socket.readableEnded) endStreamSoon()
    else socket.once('end', endStreamSoon)
    return true
  }

  /** A client that closes its side may be gone, which a stream without an end would not find out: it gets what there is. */
  function endStreamSoon(): void {
    const timer = setTimeout(endStream, lastOfStreamMs)
    response.once('close', () => clearTimeout(timer))
  }

  function endStream(): void {
    exchange.abort()
    response.end()
  }
}

/** How long events are still sent to a client that has closed its side. */
const lastOfStreamMs = 1_000

/** Whether a response goes on until one side ends it, with heartbeats in between (HTML Standard, 9.2). */
function isEventStream({ headers }: ResponseHead): boolean {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type')
  return /^text\/event-stream(?:[ \t]*;|$)/i.test(headers[at + 1] ?? '')
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
