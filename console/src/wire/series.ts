import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Instant } from './held.ts'

/** A chart: what it shows, and the query of the same in Prometheus. */
export const ChartSummary = Type.Object({
  name: Type.String(),
  title: Type.String(),
  /** What it shows, and what to do when it looks bad. */
  description: Type.String(),
  group: Type.String(),
  unit: Type.Enum(['per second', 'seconds', 'share', 'bytes', 'count']),
  promql: Type.String(),
})
export type ChartSummary = Static<typeof ChartSummary>

/** `GET /api/charts` */
export const ChartList = Type.Object({ data: Type.Array(ChartSummary) })
export type ChartList = Static<typeof ChartList>

/** `GET /api/series?name=&service=&from=&to=&step=`, with `step` in seconds: 10, 60, 600 or more. */
export const Series = Type.Object({
  name: Type.String(),
  unit: Type.String(),
  /** Milliseconds since 1970, one each `step` seconds. */
  at: Type.Array(Instant),
  /** One for each service, route or queue; null where there is no sample. */
  lines: Type.Array(
    Type.Object({
      label: Type.String(),
      values: Type.Array(Type.Union([Type.Number(), Type.Null()])),
    }),
  ),
  /** How many lines are not here: those with the smallest values. */
  leftOut: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Kept traces that explain a value, where the chart is of durations. */
  exemplars: Type.Array(Type.Object({ at: Instant, value: Type.Number(), traceId: Type.String() })),
})
export type Series = Static<typeof Series>
