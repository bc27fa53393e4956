import { printable } from '@quintet/chassis/queue'
import type { TraceDetail } from '@quintet/chassis/telemetry/file'

type Span = TraceDetail['data'][number]

const barLength = 40

/** The spans of a trace, a line for each, with those that it has caused below it, and a bar for its time. */
export function waterfall(spans: readonly Span[]): string {
  const begin = Math.min(...spans.map(({ startMs }) => startMs))
  const end = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs))
  const scale = barLength / Math.max(end - begin, 0.001)
  const rows = inOrder(spans).map(({ span, depth }) => ({
    span,
    title: `${'  '.repeat(depth)}${printable(span.service)}  ${printable(span.name)}`,
  }))
  const width = Math.min(Math.max(...rows.map(({ title }) => title.length)), 70)
  return rows
    .map(({ span, title }) => {
      const from = Math.min(Math.floor((span.startMs - begin) * scale), barLength - 1)
      const length = Math.max(1, Math.min(Math.round(span.durationMs * scale), barLength - from))
      const bar = `${' '.repeat(from)}${'█'.repeat(length)}`.padEnd(barLength)
      const error = span.error === '' ? '' : `  failed: ${printable(span.error)}`
      return `${title.slice(0, width).padEnd(width)}  ${bar}  ${milliseconds(span.durationMs).padStart(10)}${error}\n`
    })
    .join('')
}

/** Each span behind the one that has caused it, by time. One whose cause is not there begins a tree of its own. */
function inOrder(spans: readonly Span[]): { span: Span; depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const isRoot = ({ parentId, spanId }: Span) => !ids.has(parentId) || parentId === spanId
  const children = Map.groupBy(
    spans.filter((span) => !isRoot(span)),
    ({ parentId }) => parentId,
  )
  const ordered: { span: Span; depth: number }[] = []
  const seen = new Set<Span>()
  const waiting = spans
    .filter(isRoot)
    .map((span) => ({ span, depth: 0 }))
    .reverse()
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { span, depth } = next
    ordered.push(next)
    seen.add(span)
    for (const child of [...(children.get(span.spanId) ?? [])].reverse())
      waiting.push({ span: child, depth: Math.min(depth + 1, depthMax) })
  }
  // Spans from elsewhere may be the cause of one another.
  return [...ordered, ...spans.filter((span) => !seen.has(span)).map((span) => ({ span, depth: 0 }))]
}

const depthMax = 20

export function milliseconds(duration: number): string {
  return `${duration.toFixed(duration < 10 ? 2 : 1)} ms`
}
