import type { ChartSummary, EventList, Series } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import { component } from '../elements.ts'
import type { TimeSpan } from '../time-span.ts'
import { chart } from './chart.ts'
import { failure } from './states.ts'

type Shown = {
  readonly timeSpan: TimeSpan
  /** Of one service. */
  readonly service?: string
  /** The one line that is drawn. */
  readonly only?: string
}

const steps = [10, 60, 600, 3_600, 21_600] as const
/** More points than these are not to be told apart. */
const pointsMax = 400
/** More lines than these are not to be told apart. */
const linesMax = 12
type Line = Series['lines'][number]

function stepOf({ from, to }: TimeSpan): number {
  return steps.find((step) => (to - from) / 1_000 / step <= pointsMax) ?? steps[4]
}

/** A chart with its values of a span of time. */
export const seriesChart = component(function SeriesChart(
  props: Shown & { readonly summary: ChartSummary; readonly events: EventList['data'] },
) {
  const { summary, events, timeSpan, service, only } = props
  const { from, to } = timeSpan
  const query = {
    name: summary.name,
    service,
    from: Math.round(from),
    to: Math.round(to),
    step: stepOf(timeSpan),
  }
  const { data, error, reload } = useGet('/api/series', { query })
  if (error !== undefined && data === undefined) return failure(error, reload)
  const all = (data?.lines ?? []).filter(({ label }) => only === undefined || label === only)
  const lines = largest(all)
  return chart({
    chart: summary,
    series: data === undefined ? undefined : { ...data, lines },
    leftOut: all.length - lines.length,
    range: { from, to },
    events,
  })
})

/** Those with the largest values, in the order that they have. */
function largest(lines: readonly Line[]): Line[] {
  const peak = ({ values }: Line) => values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0)
  const kept = new Set(lines.toSorted((one, other) => peak(other) - peak(one)).slice(0, linesMax))
  return lines.filter((line) => kept.has(line))
}

/** A chart by its name, with what changed the system meanwhile. */
export const namedChart = component(function NamedChart({
  name,
  ...shown
}: Shown & { readonly name: string }) {
  const { from, to } = shown.timeSpan
  const charts = useGet('/api/charts')
  const events = useGet('/api/events', { query: { from: Math.round(from), to: Math.round(to) } })
  const summary = charts.data?.data.find((other) => other.name === name)
  return summary === undefined
    ? undefined
    : seriesChart({ ...shown, summary, events: events.data?.data ?? [] })
})
