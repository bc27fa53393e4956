import type { Clock } from '../clock/index.ts'
import { isProbe } from './probes.ts'
import type { RouteShare, Sampler } from './sampling.ts'
import { OpenTrace } from './spans.ts'
import type { RecordedSpan, SpanAbout, SpanRing } from './spans.ts'
import { beginContext, parseTraceparent } from './trace-context.ts'
import type { SpanContext, TraceContext } from './trace-context.ts'

/** A request that has reached its route. */
type RoutedRequest = {
  readonly context: TraceContext
  /** Undefined where none was matched. */
  readonly route: string | undefined
  readonly method: string
  readonly path: string
  readonly requestId: string
}

/** A request that is over. Durations are in milliseconds. */
export type RequestEnd = { readonly status: number; readonly durationMs: number; readonly isEndless: boolean }

/** Messages that a handler gets together. */
type HandledMessages = { readonly queue: string; readonly ids: readonly string[]; readonly attempt: number }

export type Tracer = {
  /** Whether a request of this route is recorded, for which the route must have a share left. Cheap, since it is called for all. */
  admits(route: string | undefined, context: TraceContext): boolean
  /** Records a request that was admitted. */
  begin(request: RoutedRequest): RecordedSpan
  /** Whether a request with this end is kept although it was not recorded: it has failed or was slow. */
  isKept(end: RequestEnd): boolean
  /** Ends the record of a request, or keeps what is known of one that was not recorded. */
  end(request: RoutedRequest, span: RecordedSpan | undefined, end: RequestEnd): void
  /** Runs a handler of messages, whose trace is linked to those of the requests that have published them. */
  process<T>(
    messages: HandledMessages & { readonly traceparents: readonly (string | undefined)[] },
    handle: () => Promise<T>,
    failure: { ofResult: (result: T) => string; ofError: (error: unknown) => string },
  ): Promise<T>
}

/** The recorder of the traces of one service. */
export function createTracer({
  service,
  ring,
  sampler,
  slowMs,
  clock,
}: {
  service: string
  ring: SpanRing
  sampler: Sampler
  slowMs: number
  clock: Clock
}): Tracer {
  const shares = new Map<string | undefined, RouteShare | undefined>()

  /** Undefined for a route that is never traced: those of probes and scrapers would hide the requests of clients. */
  function shareOf(route: string | undefined): RouteShare | undefined {
    const known = shares.get(route)
    if (known !== undefined || shares.has(route)) return known
    const share = route !== undefined && isProbe(route) ? undefined : sampler.route()
    shares.set(route, share)
    return share
  }

  function isKept({ status, durationMs, isEndless }: RequestEnd): boolean {
    return status >= 500 || (durationMs > slowMs && !isEndless)
  }

  function open(
    context: SpanContext & { parentId: string },
    requestId: string,
    about: SpanAbout,
    startedAtMs = ring.now(),
  ): RecordedSpan {
    return new OpenTrace(ring, { ...about, service, context, requestId, wallMs: clock.now(), startedAtMs })
      .root
  }

  /** What is known at the end of something that was not recorded: its beginning, and that it failed or was slow. */
  function openLate(
    ...[context, requestId, about, startedAtMs]: Parameters<typeof open>
  ): RecordedSpan | undefined {
    if (!sampler.mayKeep()) {
      ring.lost(service, 1)
      return undefined
    }
    const span = open(context, requestId, about, startedAtMs)
    span.set('quintet.unrecorded', true)
    return span
  }

  return {
    admits(route, { isSampledByCaller }) {
      const share = shareOf(route)
      return share !== undefined && sampler.admits(share, isSampledByCaller)
    },

    begin: (request) => open(request.context, request.requestId, aboutRequest(request)),

    isKept,

    end(request, span, end) {
      const { status, durationMs, isEndless } = end
      const share = shareOf(request.route)
      if (share === undefined) return
      if (isKept(end)) sampler.attend(share)
      const { context, requestId } = request
      const ended = span ?? openLate(context, requestId, aboutRequest(request), ring.now() - durationMs)
      if (ended === undefined) return
      ended.set('http.response.status_code', status)
      ended.isEndless = isEndless
      ended.end(status >= 500 ? String(status) : '')
    },

    async process({ queue, ids, attempt, traceparents }, handle, failure) {
      const share = shareOf(`process ${queue}`)
      const callers = traceparents.map(parseTraceparent).filter((caller) => caller !== undefined)
      const sampled = callers.filter(({ isSampled }) => isSampled)
      const isRequested = sampled.length > 0 || callers.length === 0
      const context = beginContext(undefined)
      const about = (links: readonly SpanContext[]): SpanAbout => ({
        name: `process ${queue}`,
        kind: 'consumer',
        attributes: {
          'messaging.destination.name': queue,
          'quintet.attempt': attempt,
          ...(ids.length === 1
            ? { 'messaging.message.id': ids[0] ?? '' }
            : { 'messaging.batch.message_count': ids.length }),
        },
        links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
      })
      const isRecorded =
        share !== undefined && isRequested && sampler.admits(share, sampled.length > 0 || undefined)
      const span = isRecorded ? open(context, '', about(sampled)) : undefined
      const startedAtMs = ring.now()
      const end = (error: string) => {
        if (error !== '' && share !== undefined) sampler.attend(share)
        if (span !== undefined) span.end(error)
        else if (error !== '') openLate(context, '', about(callers), startedAtMs)?.end(error)
      }
      try {
        const result = await (span === undefined ? handle() : span.run(handle))
        end(failure.ofResult(result))
        return result
      } catch (error) {
        end(failure.ofError(error))
        throw error
      }
    },
  }
}

function aboutRequest({ method, route, path, requestId }: RoutedRequest): SpanAbout {
  return {
    name: route === undefined ? method : `${method} ${route}`,
    kind: 'server',
    attributes: {
      'http.request.method': method,
      'url.path': path,
      'quintet.request_id': requestId,
      ...(route !== undefined && { 'http.route': route }),
    },
  }
}
