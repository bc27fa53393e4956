import { Type } from 'typebox'
import type { Static } from 'typebox'
import { cursor, Held, Instant } from './held.ts'

export const Why = Type.Enum(['sampled', 'slow', 'error'])

export const TraceSummary = Type.Object({
  id: Type.String(),
  requestId: Type.String(),
  at: Instant,
  /** The name of the first span, such as `GET /guid/:guid`. */
  root: Type.String(),
  service: Type.String(),
  services: Type.Array(Type.String()),
  durationMs: Type.Number(),
  spans: Type.Integer(),
  failed: Type.Boolean(),
  /** The status of the first span's response; null where it has none. */
  status: Type.Union([Type.Integer(), Type.Null()]),
  why: Why,
})
export type TraceSummary = Static<typeof TraceSummary>

/** `GET /api/traces?service=&route=&status=5xx&why=&min=&max=&from=&to=&words=&sort=time|duration&limit=&cursor=` */
export const TraceList = Type.Object({
  data: Type.Array(TraceSummary),
  /** Null on the last page. */
  next: Type.Union([cursor, Type.Null()]),
  held: Held,
  /** What the filters can be set to, with how many traces of the span of time each has. */
  facets: Type.Object({
    service: Type.Record(Type.String(), Type.Integer()),
    route: Type.Record(Type.String(), Type.Integer()),
    why: Type.Record(Type.String(), Type.Integer()),
  }),
})
export type TraceList = Static<typeof TraceList>

export const Span = Type.Object({
  id: Type.String(),
  /** Empty where it has none. */
  parentId: Type.String(),
  service: Type.String(),
  name: Type.String(),
  kind: Type.Enum(['internal', 'server', 'client', 'producer', 'consumer']),
  at: Instant,
  durationMs: Type.Number(),
  /** The kind of failure; empty for none. */
  error: Type.String(),
  attributes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
  links: Type.Array(Type.Object({ traceId: Type.String(), spanId: Type.String() })),
})
export type Span = Static<typeof Span>

/** `GET /api/traces/:id`; with `?format=otlp` it is an OTLP request in JSON instead. */
export const Trace = Type.Object({
  ...TraceSummary.properties,
  /** By time. */
  data: Type.Array(Span),
  /** Traces that this one has caused, or that have caused it, through messages. */
  linked: Type.Array(TraceSummary),
  /** Why parts are missing, in sentences; empty where none are. */
  gaps: Type.Array(Type.String()),
})
export type Trace = Static<typeof Trace>
