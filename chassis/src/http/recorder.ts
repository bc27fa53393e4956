import type { Logger, Metrics, ObserveExchange } from '../telemetry/index.ts'
import { isProbe } from '../telemetry/index.ts'
import { pathOf, traceOf } from './request-trace.ts'
import type { Recorded, RequestTraces } from './request-trace.ts'

/** What records a request that has been responded to; without a route where none was matched. */
export type Recorder = (
  request: Recorded,
  requestId: string,
  route: string | undefined,
  status: number,
  durationMs: number,
  isEndless?: boolean,
) => void

/**
 * Counts and logs requests that have been responded to, and ends their traces. Those of probes and scrapers are not counted, since they
 * would hide what clients experience, and are logged at the level `debug`. `refused` is called for each request as well, if given, and
 * ignores those that were not refused.
 */
export function createRecorder(
  metrics: Metrics,
  logger: Logger,
  {
    traces,
    refused,
  }: {
    traces?: RequestTraces | undefined
    refused?:
      | ((request: Recorded, requestId: string, route: string | undefined, status: number) => void)
      | undefined
  },
): Recorder {
  const routes = new Map<string | undefined, ObserveExchange>()

  function addRoute(route: string | undefined): ObserveExchange {
    const observe = route !== undefined && isProbe(route) ? uncounted : metrics.requestsOf(route)
    routes.set(route, observe)
    return observe
  }

  return (request, requestId, route, status, durationMs, isEndless = false) => {
    const { method = '' } = request
    const { traceId } = traceOf(request)
    const observe = routes.get(route) ?? addRoute(route)
    const isKept = traces?.end(request, requestId, route, { status, durationMs, isEndless }) === true
    observe(method, status, durationMs, isKept ? traceId : undefined)
    const log = observe === uncounted ? logger.probe : logger.access
    log({ requestId, traceId, method, url: pathOf(request), route, status, durationMs, isKept })
    refused?.(request, requestId, route, status)
  }
}

const uncounted: ObserveExchange = () => {}

/** What is logged for bytes that are not a request; a new one each time, since its trace is kept with it. */
export function noRequest(): Recorded {
  return { method: '', url: '', headers: {} }
}
