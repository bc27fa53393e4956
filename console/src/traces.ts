import { AppError } from '@quintet/chassis/errors'
import { describeOperations, encodeCursor, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { TraceDetail } from '@quintet/chassis/telemetry/file'
import { Type } from 'typebox'
import { numbersOf } from './cursors.ts'
import { listQuery, nameQuery, oneOf, requireOrder, rowsOfPage, TraceId } from './list-query.ts'
import { notKept } from './reader.ts'
import type { Reader } from './reader.ts'
import { Trace, TraceList, Why } from './wire/index.ts'
import type { Span } from './wire/index.ts'

type TraceParts = {
  readonly reader: Reader
  /** Of the system, which an OTLP request names. */
  readonly version: string
  /** How many requests there have been in a span of time, by the metrics; null where nobody has counted them. */
  readonly countRequests?: (range: { readonly from: number; readonly to: number }) => Promise<number | null>
}

const operation = describeOperations('traces')
const durationQuery = Type.Optional(
  Type.Integer({ minimum: 0, maximum: 86_400_000, description: 'In milliseconds.' }),
)
const statusQuery = Type.Optional(
  Type.String({
    pattern: '^[1-5](?:xx|[0-9][0-9])$',
    description: 'A class of statuses, such as 5xx, or one.',
  }),
)

const TraceQuery = Type.Object(
  {
    ...{ service: nameQuery, route: nameQuery, status: statusQuery, why: oneOf(Why.enum) },
    ...{ min: durationQuery, max: durationQuery },
    ...listQuery,
    sort: oneOf(['time', 'duration']),
  },
  { additionalProperties: false },
)

/** A trace as an OTLP request. */
const OtlpTrace = Type.Object({ resourceSpans: Type.Array(Type.Object({})) })

/** Adds the list of traces, and each of them. */
export function addTraces(app: App, { reader, version, countRequests }: TraceParts): void {
  app.get(
    '/api/traces',
    operation('listTraces', 'List the traces that are kept', {
      description:
        'The newest first, or the longest. A search for words ends after two seconds with what it has found.',
      querystring: TraceQuery,
      response: { 200: TraceList, ...problems(400, 401, 404, 503) },
    }),
    async ({ query }) => {
      if (!reader.keepsTraces) throw notKept()
      const { min, max, sort = 'time', limit = rowsOfPage, cursor, from, to, ...filter } = query
      requireOrder({ from, to })
      const [value = 0, seq = 0] = cursor === undefined ? [] : numbersOf(cursor, 2)
      const after = cursor === undefined ? undefined : ([value, seq] as const)
      const [page, of = null] = await Promise.all([
        reader.call('searchTraces', { ...filter, from, to, minMs: min, maxMs: max, sort, limit, after }),
        countRequests?.({ from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER }),
      ])
      return {
        data: [...page.data],
        next: page.next === undefined ? null : encodeCursor(page.next),
        held: { ...page.held, of },
        facets: page.facets,
      }
    },
  )

  app.get(
    '/api/traces/:id',
    operation('getTrace', 'Get a trace with its spans', {
      description: 'With `format=otlp` as an OTLP request in JSON.',
      params: Type.Object({ id: TraceId }),
      querystring: Type.Object(
        { format: Type.Optional(Type.Literal('otlp')) },
        { additionalProperties: false },
      ),
      response: { 200: Type.Union([Trace, OtlpTrace]), ...problems(400, 401, 404, 503) },
    }),
    async ({ params: { id }, query }) => {
      if (!reader.keepsTraces) throw notKept()
      if (query.format === 'otlp') return otlpOf(await reader.call('readTraceAsOtlp', id, version))
      const trace = await reader.call('readTrace', id)
      return wireTrace(trace ?? notFound())
    },
  )
}

function otlpOf(text: string | undefined): { resourceSpans: object[] } {
  return JSON.parse(text ?? notFound())
}

function notFound(): never {
  throw new AppError('not_found', 'There is no such trace, or it is not kept any more.')
}

function wireTrace({ data, linked, gaps, ...summary }: TraceDetail): Trace {
  return { ...summary, data: data.map(wireSpan), linked: [...linked], gaps: [...gaps] }
}

function wireSpan({ spanId, parentId, startMs, ...span }: TraceDetail['data'][number]): Span {
  const { service, name, kind, durationMs, error, attributes, links } = span
  return {
    ...{
      id: spanId,
      parentId,
      service,
      name,
      kind,
      at: startMs,
      durationMs,
      error,
      attributes: { ...attributes },
    },
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
  }
}
