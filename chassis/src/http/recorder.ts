import type { Logger, Metrics } from '../telemetry/index.ts'
import { pathOf, traceOf } from './request-trace.ts'
import type { Recorded, RequestTraces } from './request-trace.ts'

/** Counts and logs a request that has been responded to, and ends its trace. */
export type Recorder = (
  request: Recorded,
  requestId: string,
  route: string,
  status: number,
  durationMs: number,
  isEndless?: boolean,
) => void

/** `refused` is called for each request as well, if given, and ignores those that were not refused. */
export function createRecorder(
  metrics: Metrics,
  logger: Logger,
  {
    traces,
    refused,
  }: {
    traces?: RequestTraces | undefined
    refused?: ((request: Recorded, requestId: string, route: string, status: number) => void) | undefined
  },
): Recorder {
  return (request, requestId, route, status, durationMs, isEndless = false) => {
    const { method = '' } = request
    const { traceId } = traceOf(request)
    metrics.observe(method, route, status, durationMs)
    logger.access({ requestId, traceId, method, url: pathOf(request), route, status, durationMs })
    traces?.end(request, requestId, route, { status, durationMs, isEndless })
    refused?.(request, requestId, route, status)
  }
}

/** What is logged for bytes that are not a request. */
export function noRequest(): Recorded {
  return { method: '', url: '', headers: {} }
}
