import type { ServerResponse } from 'node:http'
import type { Clock } from '@quintet/chassis/clock'
import { beginStream, dropLimitFields } from '@quintet/chassis/http'
import type { FastifyRequest } from '@quintet/chassis/http'
import type { Deadlines, TimedWork } from './deadlines.ts'
import type { ClientRequest, Exchange } from './exchange.ts'
import { fieldOf } from './get-from.ts'
import type { ExchangeListener, ExchangeError } from './http1/connection.ts'
import type { ResponseHead } from './http1/response-parser.ts'
import type { Upstream } from './upstream.ts'
import { exchangeFailed } from './upstream-problems.ts'

/** The parts of the framework's request and reply that are used here. */
export type Incoming = Pick<FastifyRequest, 'raw' | 'id' | 'log' | 'server'>
export type Reply = { readonly raw: ServerResponse; hijack(): unknown; send(error: unknown): unknown }

/** What the exchanges of all upstreams share. */
export type ResponseParts = {
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** The responses of server-sent events. */
  readonly streams: Set<{ endStream(): void }>
}

/** Sends a request to an upstream, and responds to the client with its response. Throws AppError where it is refused. */
export function respondFrom(
  upstream: Upstream,
  outgoing: ClientRequest,
  request: Incoming,
  reply: Reply,
  parts: ResponseParts,
): void {
  const relay = new ResponseRelay(upstream, outgoing, request, reply, parts)
  reply.raw.on('close', () => relay.close())
}

/** Passes one response on to its client. A class for the same reason as `Exchange`. */
class ResponseRelay implements ExchangeListener, TimedWork {
  deadlineMs = 0
  before: TimedWork | undefined = undefined
  after: TimedWork | undefined = undefined
  list: TimedWork['list'] = undefined
  readonly #request: Incoming
  readonly #reply: Reply
  readonly #parts: ResponseParts
  readonly #service: string
  readonly #span: ClientRequest['span']
  readonly #exchange: Exchange

  constructor(
    upstream: Upstream,
    outgoing: ClientRequest,
    request: Incoming,
    reply: Reply,
    parts: ResponseParts,
  ) {
    this.#request = request
    this.#reply = reply
    this.#parts = parts
    this.#service = upstream.service
    this.#span = outgoing.span
    this.#exchange = upstream.send(outgoing, this)
    parts.deadlines.begin(this)
  }

  onHead(head: ResponseHead, whole: string | undefined): void {
    if (whole === undefined && isEventStream(head) && !this.#beginStream()) return
    this.#span?.set('http.response.status_code', head.status)
    if (head.status >= 500) this.#span?.end(String(head.status))
    else if (whole !== undefined) this.#span?.end()
    const response = this.#reply.raw
    // A service counts some requests itself, as logins.
    if (head.status === 429 && fieldOf(head, 'ratelimit') !== undefined) dropLimitFields(response)
    // The Date field is up to the upstream (RFC 9110, 6.6.1).
    response.sendDate = false
    response.writeHead(head.status, head.reason, head.headers)
    this.#reply.hijack()
    if (whole === undefined) startStreaming(response, this.#exchange)
    else response.end(whole, 'latin1')
  }

  onBody(chunk: Buffer): void {
    if (!this.#reply.raw.write(chunk)) this.#exchange.pause()
  }

  onEnd(): void {
    this.#span?.end()
    this.#reply.raw.end()
  }

  onFailure(failure: ExchangeError): void {
    this.#span?.end(failure.fault)
    const response = this.#reply.raw
    if (response.headersSent) truncate(this.#request, response, failure)
    else if (!response.destroyed) this.#reply.send(exchangeFailed(this.#service, failure))
  }

  /** The time for the exchange is over. */
  cut(): void {
    const response = this.#reply.raw
    const hasBegun = response.headersSent
    this.#exchange.cut()
    // What the service has sent in full may still be unread by the client.
    if (hasBegun) response.destroy()
  }

  /** Ends server-sent events, whose client comes back for those that follow. */
  endStream(): void {
    this.#exchange.abort()
    this.#reply.raw.end()
  }

  /** The response is complete, or its client has gone. */
  close(): void {
    this.#parts.deadlines.end(this)
    this.#parts.streams.delete(this)
    this.#exchange.abort()
  }

  #beginStream(): boolean {
    try {
      this.#exchange.stream()
    } catch (error) {
      this.#exchange.abort()
      this.#reply.send(error)
      return false
    }
    this.#parts.deadlines.end(this)
    this.#parts.streams.add(this)
    beginStream(this.#reply.raw, { clock: this.#parts.clock, end: () => this.endStream() })
    this.#endWithClient()
    return true
  }

  /** A client that closes its side may be gone, which a stream without an end would not find out: it gets what there is. */
  #endWithClient(): void {
    const { socket } = this.#request.raw
    let timer: NodeJS.Timeout | undefined
    const endSoon = () => {
      timer = setTimeout(() => this.endStream(), lastOfStreamMs)
    }
    if (socket.readableEnded) endSoon()
    else socket.once('end', endSoon)
    this.#reply.raw.once('close', () => {
      socket.off('end', endSoon)
      clearTimeout(timer)
    })
  }
}

/** How long events are still sent to a client that has closed its side. */
const lastOfStreamMs = 1_000

/** Whether a response goes on until one side ends it, with heartbeats in between (HTML Standard, 9.2). */
function isEventStream(head: ResponseHead): boolean {
  return /^text\/event-stream(?:[ \t]*;|$)/i.test(fieldOf(head, 'content-type') ?? '')
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
  response.on('drain', () => exchange.resume())
  response.flushHeaders()
}
