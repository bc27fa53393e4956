import { printable } from '@quintet/chassis/queue'
import type { TraceDetail, TraceSummary } from '@quintet/chassis/telemetry/file'
import { aligned } from './aligned.ts'
import { milliseconds, waterfall } from './waterfall.ts'

/** A line for each trace. What is in traces may come from services elsewhere, and have what a terminal obeys. */
export function traceLines(traces: readonly TraceSummary[]): string {
  return aligned(traces.map(cellsOf))
}

/** A trace with its spans, the traces that are linked to it, and what is missing of it. */
export function traceText(trace: TraceDetail): string {
  const { id, requestId, linked, gaps } = trace
  return [
    `${id}  ${timeOf(trace)}  ${milliseconds(trace.durationMs)}  ${outcomeOf(trace)}${requestId === '' ? '' : `  request ${printable(requestId)}`}\n\n`,
    waterfall(trace.data),
    ...(linked.length === 0 ? [] : ['\nLinked by messages:\n', traceLines(linked)]),
    ...(gaps.length === 0 ? [] : ['\n', ...gaps.map((gap) => `${printable(gap)}\n`)]),
  ].join('')
}

function cellsOf(trace: TraceSummary): string[] {
  const { id, root, services, durationMs, spans } = trace
  return [
    timeOf(trace),
    id,
    milliseconds(durationMs).padStart(10),
    `${spans} spans`,
    outcomeOf(trace),
    printable(root),
    services.map(printable).join(','),
  ]
}

function timeOf({ at }: TraceSummary): string {
  return new Date(at).toISOString()
}

/** The status of the response, and why the trace is kept. */
function outcomeOf({ status, why, failed }: TraceSummary): string {
  const reason = why === 'sampled' ? (failed ? 'failed' : '') : why
  return [status ?? '', reason].filter((word) => word !== '').join(' ')
}
