import type { Query, Selection } from '../charts/queries.ts'

/** What is kept of a metric: how its samples become one, and by which labels they stay apart. */
export type KeptMetric = { readonly kind: 'counter' | 'sum' | 'max'; readonly labels: ReadonlySet<string> }

/** What these queries need of metrics, by the names of their samples. Nothing else of what services export is kept. */
export function keptMetrics(queries: readonly Query[]): ReadonlyMap<string, KeptMetric> {
  const kept = new Map<string, { kind: KeptMetric['kind']; labels: Set<string> }>()
  for (const query of queries)
    for (const selection of query.kind === 'ratio' ? [query, query.over] : [query]) add(query, selection)
  return kept

  function add(query: Query, { metric, where = [] }: Selection): void {
    const found = kept.get(metric) ?? { kind: kindOf(query), labels: new Set<string>() }
    kept.set(metric, found)
    for (const label of query.by) if (label !== 'service') found.labels.add(label)
    for (const [label] of where) found.labels.add(label)
  }
}

function kindOf(query: Query): KeptMetric['kind'] {
  return query.kind === 'gauge' ? query.aggregate : 'counter'
}

/** The seconds that the increases of a row stand for. */
export const scrapedSeconds = 'scraped_seconds_total'

/** Whether a value of this name is the increase of a counter, by the names of Prometheus, rather than a value at its time. */
export function isIncrease(name: string): boolean {
  return counter.test(name)
}

const counter = /_(?:total|bucket|count|sum)(?:\{|$)/
