import type { IncomingMessage } from 'node:http'
import { beginContext, traceparentOf } from '../telemetry/index.ts'
import type { RecordedSpan, RequestEnd, TraceContext, Tracer } from '../telemetry/index.ts'

/** What is recorded of a request. The framework keeps the target that the client has sent. */
export type Recorded = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & {
  readonly originalUrl?: string
}

type RequestTrace = {
  readonly context: TraceContext
  /** Whether it was decided here if the request is recorded. */
  isDecided: boolean
  /** Undefined where it is not. */
  span: RecordedSpan | undefined
}

type Traced = Pick<IncomingMessage, 'headers'> & { [traceOfRequest]?: RequestTrace }

const traceOfRequest = Symbol('traceOfRequest')

function requestTraceOf(request: Traced): RequestTrace {
  request[traceOfRequest] ??= {
    context: beginContext(request.headers.traceparent),
    isDecided: false,
    span: undefined,
  }
  return request[traceOfRequest]
}

/** The trace of a request, the same each time. */
export function traceOf(request: Traced): TraceContext {
  return requestTraceOf(request).context
}

/** The span of a request that is being recorded. */
export function spanOf(request: Traced): RecordedSpan | undefined {
  return request[traceOfRequest]?.span
}

/**
 * The `traceparent` of what a request sends on, as within this span of it. While this process records nothing, what the caller does with
 * the trace goes on.
 */
export function traceparentFor(request: Traced, span = spanOf(request)): string {
  if (span !== undefined) return traceparentOf(span.data, true)
  const { context, isDecided } = requestTraceOf(request)
  return traceparentOf(context, !isDecided && context.isSampledByCaller === true)
}

export type RequestTraces = ReturnType<typeof createRequestTraces>

/** Records requests, each of which may reach its route in one of several ways. */
export function createRequestTraces(tracer: Tracer, requestIdOf: (request: IncomingMessage) => string) {
  return {
    /** The span of the request, if it is recorded, which is decided once. */
    begin(request: IncomingMessage, route: string | undefined): RecordedSpan | undefined {
      const trace = requestTraceOf(request)
      if (!trace.isDecided && tracer.admits(route, trace.context))
        trace.span = tracer.begin(routed(request, route, requestIdOf(request)))
      trace.isDecided = true
      return trace.span
    },
    /** Whether its trace is kept. */
    end(request: Recorded, requestId: string, route: string | undefined, end: RequestEnd): boolean {
      const span = spanOf(request)
      if (span === undefined && !tracer.isKept(end)) return false
      tracer.end(routed(request, route, requestId), span, end)
      return true
    },
  }
}

function routed(request: Recorded, route: string | undefined, requestId: string) {
  return { context: traceOf(request), route, method: request.method ?? '', path: pathOf(request), requestId }
}

/** The query is not recorded, since it may hold personal data. */
export function pathOf({ url = '', originalUrl = url }: Recorded): string {
  const query = originalUrl.indexOf('?')
  return query < 0 ? originalUrl : originalUrl.slice(0, query)
}
