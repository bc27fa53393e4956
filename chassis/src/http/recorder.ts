import type { IncomingMessage } from 'node:http'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { traceOf } from './request-trace.ts'

/** What is recorded of a request. The framework keeps the target that the client has sent. */
export type Recorded = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & {
  readonly originalUrl?: string
}

/** Counts and logs a request that has been responded to. */
export type Recorder = (
  request: Recorded,
  requestId: string,
  route: string,
  status: number,
  durationMs: number,
) => void

/** `refused` is called for each request as well, if given, and ignores those that were not refused. */
export function createRecorder(
  metrics: Metrics,
  logger: Logger,
  refused?: (request: Recorded, requestId: string, route: string, status: number) => void,
): Recorder {
  return (request, requestId, route, status, durationMs) => {
    const { method = '', url = '', originalUrl = url } = request
    metrics.observe(method, route, status, durationMs)
    const { traceId } = traceOf(request)
    logger.access({ requestId, traceId, method, url: pathOf(originalUrl), route, status, durationMs })
    refused?.(request, requestId, route, status)
  }
}

/** What is logged for bytes that are not a request. */
export function noRequest(): Recorded {
  return { method: '', url: '', headers: {} }
}

/** The query is not logged, since it may hold personal data. */
function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
