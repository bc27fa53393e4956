import type { IncomingMessage } from 'node:http'
import { parseTraceparent } from '../telemetry/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

/** The framework keeps the target that the client has sent. */
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
    const { method = '', url = '', originalUrl = url, headers } = request
    metrics.observe(method, route, status, durationMs)
    const traceId =
      headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent)?.traceId
    logger.access({ requestId, traceId, method, url: pathOf(originalUrl), route, status, durationMs })
    refused?.(request, requestId, route, status)
  }
}

/** The log entry for bytes that are not a request. */
export const noRequest = { method: '', url: '', headers: {} }

/** The query is not logged, since it may hold personal data. */
function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
