import type { IncomingMessage } from 'node:http'
import type { Clock } from '@quintet/chassis/clock'
import { createSlowLane } from '@quintet/chassis/concurrency'
import { clientNetworkOf, hasMeaningfulBody, isFromTrustedProxy, spanOf } from '@quintet/chassis/http'
import { errorTypeOf } from '@quintet/chassis/telemetry'
import type { RecordedSpan } from '@quintet/chassis/telemetry'
import { createDeadlines } from './deadlines.ts'
import { forwardedHead } from './forwarded-head.ts'
import { readSmallBody } from './request-body.ts'
import { respondFrom } from './respond-from.ts'
import type { Incoming, Reply, ResponseParts } from './respond-from.ts'
import type { Upstream } from './upstream.ts'
import { requestTimeout } from './upstream-problems.ts'

export type Target = {
  /** The path and the query that the service gets. */
  readonly path: string
  /** What the client's path has before it. */
  readonly prefix: string
  /** The host in a target of the absolute form, which overrides the Host field (RFC 9112, 3.2.2). */
  readonly authority: string | undefined
  /** How many more times the request may be forwarded, this time included; undefined without a limit. */
  readonly forwardsLeft: number | undefined
}

type ForwarderOptions = {
  /** For durations. */
  readonly clock: Clock
  readonly dates: Clock
  /** Up to this size, bodies are read before the service gets anything of the request. */
  readonly smallBodyBytesMax: number
  /** Small bodies that are read at a time. */
  readonly bodiesReadMax: number
  /** The time for a whole exchange, from the head of the request to the end of the response; not for server-sent events. */
  readonly exchangeTimeoutMs: number
}

export type Forwarder = ReturnType<typeof createForwarder>

/**
 * Forwards requests to upstreams, and their responses to clients. Small bodies are read first, so that a client which is slow
 * to send one holds nothing of a service; larger bodies and responses are streams with backpressure.
 */
export function createForwarder(options: ForwarderOptions) {
  const { clock, dates, smallBodyBytesMax, bodiesReadMax, exchangeTimeoutMs } = options
  const deadlines = createDeadlines({ clock, limitMs: exchangeTimeoutMs })
  const bodies = createSlowLane(bodiesReadMax)
  const parts: ResponseParts = { clock: dates, deadlines, streams: new Set() }

  /** Calls back with the body if it is small, and with undefined if it is to be sent as it arrives. */
  function readBody(
    client: string,
    incoming: IncomingMessage,
    reply: Reply,
    done: (body?: string) => void,
  ): void {
    const response = reply.raw
    const member = { client, cut: () => reply.send(requestTimeout()) }
    const leave = () => bodies.leave(member)
    bodies.enter(member)
    response.once('close', leave)
    readSmallBody(incoming, smallBodyBytesMax, (body) => {
      response.off('close', leave)
      leave()
      if (!response.headersSent && !response.destroyed) done(body)
    })
  }

  function forwardWithin(
    span: RecordedSpan | undefined,
    upstream: Upstream,
    target: Target,
    request: Incoming,
    reply: Reply,
  ): void {
    const incoming = request.raw
    const { method = 'GET' } = incoming
    const { path } = target
    const client = clientNetworkOf(request)
    const fields = headFor(upstream, target, request, span)
    const { hasBody, isChunked, field } = framingOf(incoming)
    const head = `${fields}${field}\r\n`
    if (!hasBody) {
      const whole = {
        method,
        target: path,
        client,
        head,
        body: undefined,
        isChunked: false,
        hasBody: false,
        span,
      }
      respondFrom(upstream, whole, request, reply, parts)
      return
    }
    if (expectsContinue(incoming)) {
      // The service may refuse the body unread, so the client waits for the service.
      const waiting = {
        method,
        target: path,
        client,
        head: `${fields}Expect: 100-continue\r\n${field}\r\n`,
      }
      respondFrom(
        upstream,
        { ...waiting, hasBody, body: incoming, isChunked, expectsContinue: true, span },
        request,
        reply,
        parts,
      )
      return
    }
    upstream.check(client)
    readBody(client, incoming, reply, (small) => {
      try {
        const rest =
          small === undefined
            ? { head, body: incoming, isChunked }
            : { head: headWith(fields, small), body: undefined, isChunked: false }
        respondFrom(
          upstream,
          { method, target: path, client, hasBody: true, span, ...rest },
          request,
          reply,
          parts,
        )
        if (small === undefined) incoming.resume()
      } catch (error) {
        span?.end(errorTypeOf(error))
        reply.send(error)
      }
    })
  }

  return {
    /** Throws AppError where the request is refused before its body is read. */
    forward(upstream: Upstream, target: Target, request: Incoming, reply: Reply): void {
      const span = upstreamSpan(upstream, request)
      try {
        forwardWithin(span, upstream, target, request, reply)
      } catch (error) {
        span?.end(errorTypeOf(error))
        throw error
      }
    },
    /** Ends all server-sent events: they would keep the gateway from closing. */
    endStreams(): void {
      for (const stream of parts.streams) stream.endStream()
    },
    close: deadlines.close,
  }
}

/** The span of a request to an upstream, where the request is recorded. */
function upstreamSpan({ service }: Upstream, { raw }: Incoming): RecordedSpan | undefined {
  const method = raw.method ?? ''
  return spanOf(raw)?.child({
    name: method,
    kind: 'client',
    attributes: { 'http.request.method': method, 'quintet.upstream': service },
  })
}

function headFor(
  upstream: Upstream,
  target: Target,
  request: Incoming,
  span: RecordedSpan | undefined,
): string {
  return forwardedHead(request.raw, {
    path: target.path,
    prefix: target.prefix,
    hostLengthMax: upstream.hostLengthMax,
    requestId: request.id,
    forwardsLeft: target.forwardsLeft,
    forwardedHost: target.authority ?? request.raw.headers.host,
    isTrusted: isFromTrustedProxy(request),
    span,
  })
}

/** The whole request, with a small body in its head. */
function headWith(fields: string, small: string): string {
  return `${fields}Content-Length: ${small.length}\r\n\r\n${small}`
}

/** Whether the client waits for 100 Continue; the server has refused other expectations, and one in HTTP/1.0 is ignored. */
function expectsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.1' && /100-continue/i.test(headers.expect ?? '')
}

/**
 * How the length of the body is stated. Written by the gateway, so that no client has it dropped by naming it in `Connection`. A body
 * without a meaning is not forwarded.
 */
function framingOf(incoming: IncomingMessage): { hasBody: boolean; isChunked: boolean; field: string } {
  const { 'transfer-encoding': coding, 'content-length': length } = incoming.headers
  const hasBody = hasMeaningfulBody(incoming)
  const isChunked = coding !== undefined
  if (hasBody && isChunked) return { hasBody, isChunked, field: 'Transfer-Encoding: chunked\r\n' }
  const isStated = hasBody || (length === '0' && !isChunked)
  return { hasBody, isChunked: false, field: isStated ? `Content-Length: ${length}\r\n` : '' }
}
