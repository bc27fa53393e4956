import type { IncomingHttpHeaders } from 'node:http'
import { continueTrace, parseTraceparent } from '@quintet/chassis/telemetry'

/**
 * The `traceparent` to send on for a request with these fields. A trace that begins here is kept in them, for the line in the log and
 * for further attempts; `tracestate` without a valid `traceparent` is dropped (W3C Trace Context, 3.3).
 */
export function nextTraceparent(headers: IncomingHttpHeaders): string {
  const trace = parseTraceparent(headers.traceparent)
  const traceparent = continueTrace(trace)
  if (trace === undefined) {
    headers.traceparent = traceparent
    if (headers.tracestate !== undefined) headers.tracestate = undefined
  }
  return traceparent
}
