import { isIncrease, scrapedSeconds } from '../scraping/kept-metrics.ts'
import { boundOf, parseSeries } from '../scraping/metrics-text.ts'
import type { Query, Selection } from './chart.ts'

/** What is kept of a service about a span of time: the means of values, and the sums of the increases of counters, by name. */
export type Row = {
  readonly at: number
  readonly service: string
  readonly samples: Readonly<Record<string, number>>
}

/** What a sample adds to: which line of a query, and which part of it. */
type Term = {
  readonly label: string
  readonly part: 'own' | 'over'
  readonly gt: number
  readonly le: number
}

/** The values of a query by its lines; null where there is none, such as a share of nothing. */
export type Values = ReadonlyMap<string, number | null>

type Evaluator = {
  /** Of rows about one span of time, one for each service at most. A counter in `counters` that a row lacks has not grown. */
  valuesOf(rows: readonly Row[], counters?: (service: string) => Iterable<string>): Values
}

/** Evaluates a query as Prometheus does. `isOfOne` leaves the name of the service out of labels, where rows are of one. */
export function createEvaluator(query: Query, { isOfOne = false } = {}): Evaluator {
  const terms = createTerms(query, isOfOne)

  return {
    valuesOf(rows, counters = () => []) {
      const lines = new Map<string, ReturnType<typeof createLine>>()
      const lineOf = ({ label }: Term) => {
        const line = lines.get(label) ?? createLine(query)
        lines.set(label, line)
        return line
      }
      for (const { service, samples } of rows) {
        const seconds = samples[scrapedSeconds] ?? 0
        for (const name of counters(service))
          for (const term of terms(service, name)) if (seconds > 0) lineOf(term).add(term, 0)
        for (const [name, value] of Object.entries(samples))
          for (const term of terms(service, name))
            if (!isIncrease(name)) lineOf(term).add(term, value)
            else if (seconds > 0) lineOf(term).add(term, value / seconds)
      }
      return new Map([...lines].map(([label, line]) => [label, line.value()]))
    },
  }
}

/** Names are few and rows are many, so each name is read once. */
function createTerms(query: Query, isOfOne: boolean): (service: string, name: string) => readonly Term[] {
  const selections: readonly [Term['part'], Selection][] =
    query.kind === 'ratio'
      ? [
          ['own', query],
          ['over', query.over],
        ]
      : [['own', query]]
  const by = isOfOne && query.by.length > 1 ? query.by.filter((label) => label !== 'service') : query.by
  const known = new Map<string, Map<string, readonly Term[]>>()

  return (service, name) => {
    const ofService = known.get(service) ?? new Map<string, readonly Term[]>()
    known.set(service, ofService)
    const found = ofService.get(name)
    if (found !== undefined) return found
    const { name: metric, labels } = parseSeries(name)
    const labelOf = (label: string) => (label === 'service' ? service : (labels.get(label) ?? ''))
    const gt = boundOf(labels.get('gt') ?? '0')
    const le = boundOf(labels.get('le') ?? '+Inf')
    const label = by.map((one) => labelOf(one) || '(none)').join(' ')
    const terms = selections
      .filter(([, selection]) => isSelected(selection, metric, labelOf))
      .map(([part]) => ({ label, part, gt, le }))
    if (ofService.size >= namesMax) ofService.clear()
    ofService.set(name, terms)
    return terms
  }
}

const namesMax = 10_000

function isSelected(
  { metric, where = [] }: Selection,
  name: string,
  labelOf: (label: string) => string,
): boolean {
  if (metric !== name) return false
  return where.every(([label, operator, expected]) => {
    const value = labelOf(label)
    const isEqual = operator.endsWith('~') ? new RegExp(`^(?:${expected})$`).test(value) : value === expected
    return isEqual !== operator.startsWith('!')
  })
}

/** Puts together what is of one line. */
function createLine(query: Query) {
  const sums = { own: 0, over: 0 }
  const buckets = new Map<number, { gt: number; rate: number }>()
  let largest = Number.NEGATIVE_INFINITY

  return {
    add({ part, gt, le }: Term, value: number): void {
      sums[part] += value
      largest = Math.max(largest, value)
      if (query.kind === 'quantile') buckets.set(le, { gt, rate: (buckets.get(le)?.rate ?? 0) + value })
    },
    value(): number | null {
      if (query.kind === 'ratio') return sums.over > 0 ? sums.own / sums.over : null
      if (query.kind === 'quantile') return quantileOf(query.quantile, buckets)
      return query.kind === 'gauge' && query.aggregate === 'max' ? largest : sums.own
    },
  }
}

/** Within a bucket the observations count as spread evenly, and those above the last bound as on it. */
function quantileOf(
  quantile: number,
  buckets: ReadonlyMap<number, { gt: number; rate: number }>,
): number | null {
  const sorted = [...buckets].sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, { rate }]) => sum + rate, 0)
  if (total <= 0) return null
  const rank = quantile * total
  let below = 0
  for (const [le, { gt, rate }] of sorted) {
    if (below + rate >= rank)
      return le === Number.POSITIVE_INFINITY ? gt : gt + (le - gt) * ((rank - below) / rate)
    below += rate
  }
  return sorted.at(-1)?.[1].gt ?? null
}
