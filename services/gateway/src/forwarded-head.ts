import type { IncomingMessage } from 'node:http'
import { continueTrace, parseTraceparent } from '@quintet/chassis/telemetry'
import { headerField, nominatedFields } from './http1/header-fields.ts'

/** Fields that the gateway writes itself, from what it knows and what the client sent. `Expect` it has met already. */
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
 * The head of a request as it goes to an upstream, as latin1 text: the client's fields as they came, less those of its
 * connection, then where the request comes from, its id and its trace.
 */
export function forwardedHead(
  incoming: IncomingMessage,
  to: { readonly path: string; readonly host: string; readonly requestId: string },
): string {
  const start = `${incoming.method} ${to.path} HTTP/1.1\r\nHost: ${to.host}\r\n`
  return `${start}${keptFields(incoming)}${framing(incoming)}${origin(incoming)}${identity(incoming, to.requestId)}\r\n`
}

function keptFields({ rawHeaders, headers }: IncomingMessage): string {
  const nominated = nominatedFields(headers.connection)
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

/** Written anew in any case, so that a client cannot have it dropped by naming it in `Connection`. */
function framing({ headers }: IncomingMessage): string {
  if (headers['transfer-encoding'] !== undefined) return 'Transfer-Encoding: chunked\r\n'
  const length = headers['content-length']
  return length === undefined ? '' : `Content-Length: ${length}\r\n`
}

function origin({ headers, httpVersion, socket }: IncomingMessage): string {
  const forwardedFor = appended(headers['x-forwarded-for'], socket.remoteAddress ?? 'unknown')
  const scheme = 'encrypted' in socket ? 'https' : 'http'
  const host = headers.host === undefined ? '' : `X-Forwarded-Host: ${headers.host}\r\n`
  const via = appended(headers.via, `${httpVersion} quintet`)
  return `X-Forwarded-For: ${forwardedFor}\r\n${host}X-Forwarded-Proto: ${scheme}\r\nVia: ${via}\r\n`
}

function appended(list: string | string[] | undefined, member: string): string {
  return list === undefined ? member : `${list}, ${member}`
}

/** The state of a trace means nothing without the trace (W3C Trace Context, 3.3). */
function identity({ headers }: IncomingMessage, requestId: string): string {
  const trace = parseTraceparent(headers.traceparent)
  const state =
    trace === undefined || headers.tracestate === undefined ? '' : `tracestate: ${headers.tracestate}\r\n`
  return `X-Request-Id: ${requestId}\r\ntraceparent: ${continueTrace(trace)}\r\n${state}`
}
