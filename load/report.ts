import { drawPanels } from '../bench/line-chart.ts'
import { demandsOf, limitOf, partsOf } from './summary.ts'
import type { Demand, Part, Summary } from './summary.ts'

/** So long after a run the system may take to be ready, whatever the load was. */
export const backWithinMs = 10_000

type Report = {
  readonly title: string
  readonly target: string
  readonly date: string
  readonly demands: readonly Demand[]
  readonly parts: readonly Part[]
  readonly totals: Readonly<Record<'ok' | 'refused' | 'refusedBy503' | 'failed', number>>
  readonly longestMs: number
  readonly backMs: number | undefined
}

/**
 * What a run has shown. `isSearch` is that of a run that is to find the limit, and ends with it; `backMs` how long after the end the system
 * was ready, if it was in time.
 */
export function reportOf(
  summary: Summary,
  about: { profile: string; target: string; date: string; isSearch: boolean; backMs: number | undefined },
): Report {
  const countOf = (kind: string) => summary.metrics[`responses{kind:${kind}}`]?.values.count ?? 0
  return {
    title: `${about.profile}, ${summary.service === 'mixed' ? 'all services' : summary.service}`,
    target: about.target,
    date: about.date,
    demands: [
      ...demandsOf(summary, about),
      { text: `ready again: within ${backWithinMs / 1_000} s`, isMet: about.backMs !== undefined },
    ],
    parts: partsOf(summary),
    totals: {
      ok: countOf('ok'),
      refused: countOf('refused'),
      refusedBy503: countOf('refused,code:503'),
      failed: countOf('failed'),
    },
    longestMs: summary.metrics.http_req_duration?.values.max ?? 0,
    backMs: about.backMs,
  }
}

/** For a terminal. */
export function formatReport(report: Report): string {
  return [
    ...sentencesOf(report),
    ...report.demands.map(({ text, isMet }) => `  ${isMet ? 'yes' : 'NO '}  ${text}`),
  ].join('\n')
}

function sentencesOf({ totals, longestMs, parts, backMs }: Report): string[] {
  const number = (value: number) => Math.round(value).toLocaleString('en')
  const refusals = `${number(totals.refusedBy503)} by 503, ${number(totals.refused - totals.refusedBy503)} by 429`
  return [
    `${number(totals.ok)} requests were answered as expected, ${number(totals.refused)} refused with Retry-After (${refusals}), ${number(totals.failed)} failed.`,
    `The longest took ${number(longestMs)} ms.`,
    `Without refusals, and with 95 % within a second, the system answered up to ${number(limitOf(parts))} requests per second.`,
    backMs === undefined
      ? 'After the end it did not become ready in time.'
      : `It was ready ${number(backMs)} ms after the end.`,
  ]
}

/** A page that needs nothing but itself. */
export function htmlOf(report: Report): string {
  const rows = report.demands.map(
    ({ text, isMet }) =>
      `<tr><td>${escaped(text)}</td><td class="${isMet ? 'yes' : 'no'}">${isMet ? 'yes' : 'no'}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escaped(report.title)}</title>
<style>
body { font-family: system-ui, sans-serif; color: #1f2933; margin: 2rem; max-width: 60rem }
td { padding: 0.2rem 1rem 0.2rem 0 }
.yes { color: #3d8f6e }
.no { color: #c0392b; font-weight: bold }
</style>
</head>
<body>
<h1>${escaped(report.title)}</h1>
<p>${escaped(report.target)}, ${escaped(report.date)}</p>
${sentencesOf(report)
  .map((sentence) => `<p>${escaped(sentence)}</p>`)
  .join('\n')}
<h2>What was demanded</h2>
<table>
${rows.join('\n')}
</table>
${chartOf(report)}</body>
</html>
`
}

function chartOf({ parts, title, date }: Report): string {
  const line = (name: string, of: (part: Part) => number) => ({
    name,
    points: parts.map((part) => ({ x: part.second, y: of(part) })),
  })
  return drawPanels({
    title: `Load: ${title}`,
    subtitle: date,
    formatX: (second) => `${Math.round(second)} s`,
    panels: [
      {
        title: 'requests per second, by their responses',
        lines: [
          line('as expected', ({ ok }) => ok),
          line('refused', ({ refused }) => refused),
          line('failed', ({ failed }) => failed),
        ],
      },
      {
        title: 'duration, ms',
        lines: [
          line('half within', ({ medianMs }) => medianMs),
          line('95 % within', ({ p95Ms }) => p95Ms),
          line('99 % within', ({ p99Ms }) => p99Ms),
        ],
      },
    ],
  })
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
