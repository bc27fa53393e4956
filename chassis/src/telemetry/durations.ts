import type { Histogram } from './histogram.ts'

/** Upper bounds in seconds: from a cached response to the longest that a request may last. */
export const durationBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

/** The methods of RFC 9110 and RFC 5789, as OpenTelemetry names them; any other is `_OTHER`, so that clients make no labels. */
export const knownMethods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
] as const

/** The label of a method. */
export function methodLabel(method: string): string {
  return labelOf.get(method) ?? '_OTHER'
}

const labelOf = new Map<string, string>(knownMethods.map((method) => [method, method]))

/** Records a request of one kind, such as those of a route; with the id of its trace where that is kept. */
export type ObserveExchange = (method: string, status: number, durationMs: number, traceId?: string) => void

/** Gives what records exchanges with these labels, by method and status: the lookup is two members of objects, since it is on every way. */
export function exchangesOf(histogram: Histogram, labels: Readonly<Record<string, string>>): ObserveExchange {
  type OfMethod = ReturnType<Histogram['series']>[]
  const byMethod = new Map<string, OfMethod>()

  function ofMethod(method: string): OfMethod {
    const label = methodLabel(method)
    const found = byMethod.get(label) ?? []
    byMethod.set(label, found)
    byMethod.set(method, found)
    return found
  }

  return (method, status, durationMs, traceId) => {
    const byStatus = byMethod.get(method) ?? ofMethod(method)
    let series = byStatus[status]
    if (series === undefined) {
      series = histogram.series({
        http_request_method: methodLabel(method),
        ...labels,
        http_response_status_code: String(status),
      })
      byStatus[status] = series
    }
    histogram.observe(series, durationMs / 1000, traceId)
  }
}
