import { AppError } from '../errors/index.ts'
import { Counter, Gauge, isProbe, knownMethods, methodLabel } from '../telemetry/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import type { Recorded } from './request-trace.ts'

/** One for all, since it is thrown where there is no time to make another. */
export const eventLoopDelayed = new AppError('overloaded', 'The service is overloaded; try again shortly.')

const shedReasons = ['event_loop', 'limit', 'client_share'] as const

/** Exports how many requests were refused to protect the process. Returns what counts a refusal, if it is one of these. */
export function exportShedRequests({ registry }: Metrics): (problem: AppError) => void {
  const shed = new Counter({
    name: 'quintet_shed_requests_total',
    help: 'Requests refused to protect the process: event_loop (its delay), limit (of what may be in progress or wait), client_share (of one client).',
    labelNames: ['reason'],
    registers: [registry],
  })
  for (const reason of shedReasons) shed.inc({ reason }, 0)
  return (problem) => {
    const reason = shedReasonOf(problem)
    if (reason !== undefined) shed.inc({ reason })
  }
}

function shedReasonOf(problem: AppError): (typeof shedReasons)[number] | undefined {
  if (problem === eventLoopDelayed) return 'event_loop'
  if (problem.code === 'overloaded') return 'limit'
  return problem.code === 'too_many_requests' ? 'client_share' : undefined
}

/** Exports how many requests are in progress, counted at each scrape, so that they cost nothing before. Probes and scrapers do not count. */
export function exportActiveRequests(
  { registry }: Metrics,
  { isSecure, requests }: { isSecure: boolean; requests: () => Iterable<Recorded> },
): void {
  new Gauge({
    name: 'http_server_active_requests',
    help: 'Requests in progress.',
    labelNames: ['http_request_method', 'url_scheme'],
    registers: [registry],
    collect() {
      this.reset()
      for (const method of knownMethods) this.set(labelsOf(method), 0)
      for (const { method = '', url = '', originalUrl = url } of requests())
        if (!isProbe(originalUrl)) this.inc(labelsOf(methodLabel(method)))
    },
  })
  const scheme = isSecure ? 'https' : 'http'
  const labelsOf = (method: string) => ({ http_request_method: method, url_scheme: scheme })
}
