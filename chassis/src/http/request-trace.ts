import type { IncomingMessage } from 'node:http'
import { beginContext, traceparentOf } from '../telemetry/index.ts'
import type { TraceContext } from '../telemetry/index.ts'

type Traced = Pick<IncomingMessage, 'headers'> & { [traceOfRequest]?: TraceContext }

/** The trace of a request, the same each time. */
export function traceOf(request: Traced): TraceContext {
  request[traceOfRequest] ??= beginContext(request.headers.traceparent)
  return request[traceOfRequest]
}

const traceOfRequest = Symbol('traceOfRequest')

/** The `traceparent` of what a request sends on. While nothing is recorded here, what the caller does with the trace goes on. */
export function traceparentFor(request: Traced): string {
  const trace = traceOf(request)
  return traceparentOf(trace, trace.isSampledByCaller === true)
}
