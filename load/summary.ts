import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'

const Metric = Type.Object({
  values: Type.Record(Type.String(), Type.Number()),
  thresholds: Type.Optional(Type.Record(Type.String(), Type.Object({ ok: Type.Boolean() }))),
})

/** What the scripts of k6 write at the end of a run. */
export type Summary = Static<typeof Summary>
const Summary = Type.Object({
  metrics: Type.Record(Type.String(), Metric),
  service: Type.String(),
  plan: Type.Object({
    rate: Type.Number(),
    seconds: Type.Number(),
    phases: Type.Array(Type.Object({ name: Type.String(), seconds: Type.Number(), share: Type.Number() })),
  }),
})

/** One of the parts of equal length of a run, as requests per second and milliseconds. */
export type Part = {
  readonly second: number
  readonly ok: number
  readonly refused: number
  readonly failed: number
  readonly medianMs: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** What is demanded of a run, and whether it was so. */
export type Demand = { readonly text: string; readonly isMet: boolean }

export function parseSummary(text: string): Summary {
  const summary: unknown = JSON.parse(text)
  if (Check(Summary, summary)) return summary
  throw new Error('The summary of k6 is not of the form that load/k6/run.js writes.')
}

/** The parts in which there were requests. */
export function partsOf({ metrics, plan }: Summary): Part[] {
  const numbers = Object.keys(metrics).flatMap(
    (name) => /^http_req_duration\{part:(\d+)\}$/.exec(name)?.[1] ?? [],
  )
  const length = plan.seconds / numbers.length
  return numbers
    .map(Number)
    .sort((a, b) => a - b)
    .map((part) => {
      const durations = metrics[`http_req_duration{part:${part}}`]?.values ?? {}
      const countOf = (kind: string) => metrics[`responses{part:${part},kind:${kind}}`]?.values.count ?? 0
      return {
        second: part * length,
        ok: countOf('ok') / length,
        refused: countOf('refused') / length,
        failed: countOf('failed') / length,
        medianMs: durations.med ?? 0,
        p95Ms: durations['p(95)'] ?? 0,
        p99Ms: durations['p(99)'] ?? 0,
      }
    })
    .filter(({ ok, refused, failed }) => ok + refused + failed > 0)
}

/** The thresholds of k6, but for those that only make it keep a metric. Those that end a run say where its limit is. */
export function demandsOf({ metrics }: Summary, { isSearch }: { isSearch: boolean }): Demand[] {
  const names = new Map([
    ['failed', 'share of failed requests'],
    ['hung', 'requests without any response'],
    ['http_req_duration', 'duration in ms'],
    ['responses', 'responses'],
  ])
  return Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) => {
    const [, base = '', tags = ''] = /^(\w+)(?:\{(.+)\})?$/.exec(metric) ?? []
    if (isSearch && base !== 'failed' && base !== 'hung') return []
    return Object.entries(thresholds)
      .filter(([condition]) => !condition.endsWith('>=0'))
      .map(([condition, { ok }]) => ({
        text: `${names.get(base) ?? base}${tags === '' ? '' : ` (${tags.replaceAll(',', ', ')})`}: ${condition}`,
        isMet: ok,
      }))
  })
}

/** The highest number of requests per second that were answered well in a part without refusals, each within a second but for a twentieth. */
export function limitOf(parts: readonly Part[]): number {
  const good = parts.filter(({ refused, failed, p95Ms }) => refused + failed === 0 && p95Ms < 1_000)
  return Math.max(0, ...good.map(({ ok }) => ok))
}
