import type { ChartSummary } from '../wire/index.ts'

/** Samples by their name and labels, as PromQL selects them. A label that is absent has the value ''. */
export type Selection = { readonly metric: string; readonly where?: readonly Matcher[] }

/** A regular expression matches the whole value. */
type Matcher = readonly [label: string, operator: '=' | '!=' | '=~' | '!~', value: string]

export type Chart = Omit<ChartSummary, 'promql'> & Query

/** What a chart draws, with one line for each combination of the values of the labels `by`. */
export type Query = Selection & { readonly by: readonly string[] } & (
    | { /** How fast a counter grows, each second. */ readonly kind: 'rate' }
    | {
        /** How fast a counter grows in relation to another: a share, or the mean of a histogram. */
        readonly kind: 'ratio'
        readonly over: Selection
      }
    | {
        /** The value that this part of the observations of a histogram does not exceed; `metric` is that of its buckets. */
        readonly kind: 'quantile'
        readonly quantile: number
      }
    | {
        /** A value as it is. That of several workers is the sum of what each has, or the largest of what all see. */
        readonly kind: 'gauge'
        readonly aggregate: 'sum' | 'max'
      }
  )

/** The query of the same in Prometheus; `range` is the time over which rates are taken, such as `1h` or a variable of Grafana. */
export function promqlOf(chart: Chart, range = '5m'): string {
  const by = chart.by.join(', ')
  const rateOf = (selection: Selection, labels = by) =>
    `sum by (${labels}) (rate(${selectorOf(selection)}[${range}]))`

  switch (chart.kind) {
    case 'rate':
      return rateOf(chart)
    case 'ratio': {
      // A counter whose labels are not known in advance is absent before its first event, and then there is none.
      const all = rateOf(chart.over)
      return `(${rateOf(chart)} or ${all} * 0) / ${all}`
    }
    case 'quantile':
      return `histogram_quantile(${chart.quantile}, ${rateOf(chart, `${by}, le`)})`
    case 'gauge':
      return `${chart.aggregate} by (${by}) (${selectorOf(chart)})`
  }
}

function selectorOf({ metric, where = [] }: Selection): string {
  const matchers = where.map(([label, operator, value]) => `${label}${operator}${JSON.stringify(value)}`)
  return matchers.length === 0 ? metric : `${metric}{${matchers.join(',')}}`
}
