import { encodeSpans } from './otlp.ts'
import { spanKinds } from './spans.ts'
import type { Attributes, SpanData, SpanKind } from './spans.ts'
import type { Row, Statements } from './statements.ts'
import { summaryColumns, summaryOf } from './trace-rows.ts'
import type { TraceSummary } from './trace-rows.ts'

export type TraceDetail = TraceSummary & {
  /** By time. */
  readonly data: readonly SpanData[]
  /** Those that this one has caused by messages, and those that have caused it. */
  readonly linked: readonly TraceSummary[]
  /** Why parts are missing, in sentences. */
  readonly gaps: readonly string[]
}

const linkedMax = 100

/** A trace with its spans; undefined where it is not kept. */
export function readTrace(statements: Statements, id: string): TraceDetail | undefined {
  const row = statements.first(`select ${summaryColumns} from trace where id = ?`, id)
  if (row === undefined) return undefined
  const data = spansOf(statements, id)
  const linkedIds = statements.all(
    `select distinct id from (select trace_id as id from link where linked_trace_id = ?
      union all select linked_trace_id as id from link where trace_id = ?) limit ${linkedMax}`,
    ...[id, id],
  )
  const linked = linkedIds.flatMap((one) =>
    statements.all(`select ${summaryColumns} from trace where id = ?`, String(one.id)),
  )
  return {
    ...summaryOf(row),
    data,
    linked: linked.map(summaryOf).sort((one, other) => one.at - other.at),
    gaps: gapsOf(data, linkedIds.length - linked.length),
  }
}

/** The same as an OTLP request. */
export function readTraceAsOtlp(statements: Statements, id: string, version: string): string | undefined {
  const spans = spansOf(statements, id)
  return spans.length === 0 ? undefined : encodeSpans(spans, version)
}

function spansOf(statements: Statements, id: string): SpanData[] {
  const links = Map.groupBy(
    statements.all('select span_id, linked_trace_id, linked_span_id from link where trace_id = ?', id),
    (row) => String(row.span_id),
  )
  return statements
    .all('select * from span where trace_id = ? order by at, rowid', id)
    .map((row) => spanOf(row, links.get(String(row.id)) ?? []))
}

function spanOf(row: Row, links: readonly Row[]): SpanData {
  const attributes: Attributes = JSON.parse(String(row.attributes))
  return {
    ...{ traceId: String(row.trace_id), spanId: String(row.id), parentId: String(row.parent_id) },
    ...{ service: String(row.service), name: String(row.name), error: String(row.error), attributes },
    kind: isKind(row.kind) ? row.kind : 'internal',
    startMs: Number(row.at),
    durationMs: Number(row.duration_ms),
    links: links.map((link) => ({
      traceId: String(link.linked_trace_id),
      spanId: String(link.linked_span_id),
    })),
  }
}

function isKind(value: unknown): value is SpanKind {
  return typeof value === 'string' && Object.hasOwn(spanKinds, value)
}

/** What is missing of a trace, and why. */
function gapsOf(spans: readonly SpanData[], linkedWithoutTrace: number): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const parents = new Set(spans.map(({ parentId }) => parentId))
  const sentences = spans.flatMap((span) => {
    const { service, name, parentId, attributes } = span
    const upstream = attributes['quintet.upstream']
    const lost = attributes['quintet.spans_lost']
    return [
      ...(attributes['quintet.unrecorded'] === true
        ? [
            `Of ${name} of ${service} there is its own span alone: it was not among the recorded ones, and is kept because of its end.`,
          ]
        : []),
      ...(lost === undefined
        ? []
        : [`${lost} spans of ${service} are missing: there were too many at a time.`]),
      ...(attributes['quintet.unfinished'] === true
        ? [`${name} of ${service} had not ended when the trace did.`]
        : []),
      ...(parentId !== '' && !ids.has(parentId)
        ? [`What has caused ${name} of ${service} is not kept: it was recorded elsewhere, or not at all.`]
        : []),
      ...(upstream !== undefined && !parents.has(span.spanId)
        ? [`What ${upstream} has done for ${service} is not kept.`]
        : []),
    ]
  })
  if (linkedWithoutTrace > 0) sentences.push(`${linkedWithoutTrace} linked traces are not kept.`)
  return [...new Set(sentences)]
}
