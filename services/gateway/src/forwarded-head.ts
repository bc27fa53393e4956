import type { IncomingMessage } from 'node:http'
import { AppError } from '@quintet/chassis/errors'
import { traceOf, traceparentFor } from '@quintet/chassis/http'
import type { RecordedSpan } from '@quintet/chassis/telemetry'
import { forwardingFields, ownerOf } from './forwarding-fields.ts'
import { headerField, connectionOptions } from './http1/header-fields.ts'

/**
 * The head may have as many bytes as the services admit, all of which count, though Node counts less; and with the fields that the
 * gateway adds no more than the 128 that they admit.
 */
const limits = { headBytesMax: 16_384, fieldsMax: 100, framingBytesMax: 64 }

/** What the request line and the Host field have besides the method, the path and the host. */
const startBytes = '  HTTP/1.1\r\nHost: \r\n'.length

/** The target of a request, and its origin. */
type Destination = {
  readonly path: string
  /** What the client's path has before it. */
  readonly prefix: string
  /** The longest Host that the request may get. */
  readonly hostLengthMax: number
  readonly requestId: string
  /** How many more times the request may be forwarded, this time included; undefined without a limit. */
  readonly forwardsLeft: number | undefined
  /** The host that the client sent the request to. */
  readonly forwardedHost: string | undefined
  /** Whether it came from a trusted proxy. */
  readonly isTrusted: boolean
  /** What is recorded of the request to the service. */
  readonly span: RecordedSpan | undefined
}

/**
 * The fields of a forwarded request as latin1 text, without Host: the client's fields as received, without the hop-by-hop ones, then the
 * forwarding fields, the request id and the trace context. The framing and the empty line are left to add. Throws AppError where the whole is larger than services admit.
 */
export function forwardedHead(incoming: IncomingMessage, to: Destination): string {
  if (incoming.rawHeaders.length > 2 * limits.fieldsMax)
    throw headTooLarge(`more than ${limits.fieldsMax} fields`)
  const head = `${forwardedFields(incoming, to)}${forwardingFields(incoming, to)}${tracingFields(incoming, to)}`
  const start = (incoming.method ?? '').length + to.path.length + to.hostLengthMax + startBytes
  if (start + head.length + limits.framingBytesMax > limits.headBytesMax)
    throw headTooLarge('more than 16 KiB with what the gateway adds')
  return head
}

function headTooLarge(fault: string): AppError {
  return new AppError('headers_too_large', `The header section has ${fault}.`)
}

function forwardedFields({ rawHeaders, headers }: IncomingMessage, to: Destination): string {
  const { nominated } = connectionOptions(headers.connection)
  let kept = ''
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const rawName = rawHeaders[at] ?? ''
    const field = headerField(rawName)
    if (field === undefined || field.isHopByHop || nominated?.has(field.name)) continue
    const owner = ownerOf(field)
    if (owner === 'gateway' || (owner === 'proxy' && !to.isTrusted)) continue
    if (to.forwardsLeft !== undefined && field.name === 'max-forwards')
      kept += `${rawName}: ${to.forwardsLeft - 1}\r\n`
    else kept += `${rawName}: ${rawHeaders[at + 1]}\r\n`
  }
  return kept
}

/** `tracestate` without a valid `traceparent` is dropped (W3C Trace Context, 3.3). */
function tracingFields(incoming: IncomingMessage, { requestId, span }: Destination): string {
  const { tracestate } = incoming.headers
  const isContinued = traceOf(incoming).parentId !== ''
  const state = tracestate === undefined || !isContinued ? '' : `tracestate: ${tracestate}\r\n`
  return `X-Request-Id: ${requestId}\r\ntraceparent: ${traceparentFor(incoming, span)}\r\n${state}`
}
