import type { IncomingMessage } from 'node:http'
import { AppError } from '@quintet/chassis/errors'
import { continueTrace, parseTraceparent } from '@quintet/chassis/telemetry'
import { headerField, connectionOptions } from './http1/header-fields.ts'

/**
 * What the services admit, whatever they count of a head: Node counts less than its bytes, and drops fields beyond 2,000
 * without an error.
 */
const limits = { headBytesMax: 16_384, fieldsMax: 1_000 }

/** Fields that the gateway writes itself. `Expect` is dropped, since Node has already sent 100 Continue. */
const rewritten = new Set([
  'content-length',
  'expect',
  'host',
  'traceparent',
  'tracestate',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
])

/**
 * The head of a forwarded request as latin1 text: the client's fields as received, without the hop-by-hop ones, then the
 * forwarding fields, the request id and the trace context. Throws AppError where the whole is larger than services admit.
 */
export function forwardedHead(
  incoming: IncomingMessage,
  to: { readonly path: string; readonly host: string; readonly requestId: string },
): string {
  const start = `${incoming.method} ${to.path} HTTP/1.1\r\nHost: ${to.host}\r\n`
  const head = `${start}${forwardedFields(incoming)}${framingFields(incoming)}${forwardingFields(incoming)}${tracingFields(incoming, to.requestId)}\r\n`
  if (head.length > limits.headBytesMax || incoming.rawHeaders.length > 2 * limits.fieldsMax)
    throw headTooLarge()
  return head
}

function headTooLarge(): AppError {
  const detail = `The header section has more than ${limits.fieldsMax} fields, or more than 16 KiB with what the gateway adds.`
  return new AppError('headers_too_large', detail)
}

function forwardedFields({ rawHeaders, headers }: IncomingMessage): string {
  const { nominated } = connectionOptions(headers.connection)
  let kept = ''
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const rawName = rawHeaders[at] ?? ''
    const field = headerField(rawName)
    if (field === undefined || field.isHopByHop || rewritten.has(field.name) || nominated?.has(field.name))
      continue
    kept += `${rawName}: ${rawHeaders[at + 1]}\r\n`
  }
  return kept
}

/** Always written by the gateway, so that a client cannot have them dropped by naming them in `Connection`. */
function framingFields({ headers }: IncomingMessage): string {
  if (headers['transfer-encoding'] !== undefined) return 'Transfer-Encoding: chunked\r\n'
  const length = headers['content-length']
  return length === undefined ? '' : `Content-Length: ${length}\r\n`
}

function forwardingFields({ headers, httpVersion, socket }: IncomingMessage): string {
  const forwardedFor = appendTo(headers['x-forwarded-for'], socket.remoteAddress ?? 'unknown')
  const scheme = 'encrypted' in socket ? 'https' : 'http'
  const host = headers.host === undefined ? '' : `X-Forwarded-Host: ${headers.host}\r\n`
  const via = appendTo(headers.via, `${httpVersion} quintet`)
  return `X-Forwarded-For: ${forwardedFor}\r\n${host}X-Forwarded-Proto: ${scheme}\r\nVia: ${via}\r\n`
}

function appendTo(list: string | string[] | undefined, member: string): string {
  return list === undefined ? member : `${list}, ${member}`
}

/** `tracestate` without a valid `traceparent` is dropped (W3C Trace Context, 3.3). */
function tracingFields({ headers }: IncomingMessage, requestId: string): string {
  const trace = parseTraceparent(headers.traceparent)
  const state =
    trace === undefined || headers.tracestate === undefined ? '' : `tracestate: ${headers.tracestate}\r\n`
  return `X-Request-Id: ${requestId}\r\ntraceparent: ${continueTrace(trace)}\r\n${state}`
}
