import { setImmediate as nextTurn } from 'node:timers/promises'
import { isIncrease } from '../scraping/kept-metrics.ts'
import type { Series } from '../wire/index.ts'
import type { Chart } from './chart.ts'
import { createEvaluator } from './evaluate.ts'
import type { Row } from './evaluate.ts'

type Options = {
  readonly from: number
  readonly to: number
  readonly stepMs: number
  /** Whether the rows are of one service, whose name lines do not need. */
  readonly isOfOne: boolean
  /** The names of the counters of a service, of which rows lack those that have not grown. */
  readonly counters: (service: string) => Iterable<string>
}

export const linesMax = 50
/** After so many rows the process comes to something else, since services may run in it. */
const rowsOfTurn = 50

/** The names of the samples that a chart is made of. */
export function metricsOf(chart: Chart): string[] {
  return [...new Set([chart.metric, ...(chart.kind === 'ratio' ? [chart.over.metric] : [])])]
}

/** The values of a chart for each step of a span of time, null where there is none. Of many lines those with the largest values are given. */
export async function seriesOf(
  chart: Chart,
  rows: readonly Row[],
  { from, to, stepMs, isOfOne, counters }: Options,
): Promise<Pick<Series, 'at' | 'lines' | 'leftOut'>> {
  const start = Math.floor(from / stepMs) * stepMs
  const at = Array.from({ length: Math.floor((to - start) / stepMs) + 1 }, (_, i) => start + i * stepMs)
  const rowsAt = Map.groupBy(rows, (row) => Math.floor(row.at / stepMs) * stepMs)
  const known = countersIn(chart, rows, counters)
  const evaluator = createEvaluator(chart, { isOfOne })
  const lines = new Map<string, (number | null)[]>()
  let untilTurn = rowsOfTurn
  for (const [i, time] of at.entries()) {
    const found = rowsAt.get(time) ?? []
    for (const [label, value] of evaluator.valuesOf(found, (service) => known.get(service) ?? [])) {
      const values = lines.get(label) ?? new Array<number | null>(at.length).fill(null)
      lines.set(label, values)
      values[i] = value
    }
    untilTurn -= found.length
    if (untilTurn > 0) continue
    untilTurn = rowsOfTurn
    await nextTurn()
  }
  return { at, ...largest(lines) }
}

/** The counters of the chart by service: those that have grown in the span of time, and those that are known now. */
function countersIn(
  chart: Chart,
  rows: readonly Row[],
  counters: Options['counters'],
): ReadonlyMap<string, ReadonlySet<string>> {
  const metrics = metricsOf(chart)
  const isOfChart = (name: string) =>
    isIncrease(name) && metrics.some((metric) => name === metric || name.startsWith(`${metric}{`))
  const known = new Map<string, Set<string>>()
  for (const { service, samples } of rows) {
    const found = known.get(service) ?? new Set(Iterator.from(counters(service)).filter(isOfChart))
    known.set(service, found)
    for (const name in samples) if (isOfChart(name)) found.add(name)
  }
  return known
}

function largest(lines: ReadonlyMap<string, (number | null)[]>): Pick<Series, 'lines' | 'leftOut'> {
  const sorted = [...lines]
    .map(([label, values]) => ({
      label,
      values,
      most: values.reduce<number>((most, one) => Math.max(most, one ?? 0), 0),
    }))
    .sort((one, other) => other.most - one.most)
  const shown = sorted.slice(0, linesMax).map(({ label, values }) => ({ label, values }))
  return {
    lines: shown.sort((one, other) => (one.label < other.label ? -1 : 1)),
    leftOut: sorted.length - shown.length,
  }
}
