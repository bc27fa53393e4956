import type { TargetResult } from './targets.ts'
import type { Result } from './result.ts'
import type { describeMachine } from './machine.ts'
import { formatTable } from './table.ts'

/** One run, as written to `latest.json`. */
export type Report = {
  machine: ReturnType<typeof describeMachine>
  settings: { rounds: number; seconds: number; connections: number }
  rows: Result[]
  targets: TargetResult[]
}

const columns = [
  '',
  'req/s',
  'ratio',
  'CPU ratio',
  'p50 ms',
  'p99 ms',
  'RSS MB',
  'bytes',
  'other CPU',
  'errors',
  'target',
]

/** The report as text: a table of the rows, then targets without a row, then failures. */
export function formatReport({ machine, settings, rows, targets }: Report): string {
  const lines = [columns, ...rows.map((row) => toCells(row, targets))]
  const withoutRow = targets.filter(({ row }) => row === undefined)
  return [
    `${machine.cpu}, ${machine.cores} cores${machine.pinned ? '' : ' (nothing pinned)'}, ${machine.node}, ${machine.generator}, fsync ${machine.fsync_us} us`,
    `${settings.rounds} rounds of ${settings.seconds} s, ${settings.connections} connections`,
    '',
    ...formatTable(lines, [0, columns.length - 1]),
    '',
    ...withoutRow.map((target) => `${target.name}: ${formatValue(target)}  ${formatTarget(target)}`),
    ...rows.flatMap(({ name, failure }) => (failure === undefined ? [] : `${name} failed: ${failure}`)),
    '',
  ].join('\n')
}

/** `≥ 0.70 met, goal 0.85` */
function formatTarget({ bound, accepted, goal, verdict }: TargetResult): string {
  const limit = `${bound === 'at least' ? '≥' : '≤'} ${accepted}`
  return goal === undefined ? `${limit} ${verdict}` : `${limit} ${verdict}, goal ${goal}`
}

function formatValue({ value, unit = '' }: TargetResult): string {
  return value === null ? '-' : `${value} ${unit}`.trimEnd()
}

function toCells(row: Result, targets: TargetResult[]): string[] {
  const target = targets.find((candidate) => candidate.row === row.name)
  return [
    row.name,
    `${row.rps}`,
    row.ratio.toFixed(3),
    row.cpu_ratio?.toFixed(2) ?? '-',
    row.p50_ms.toFixed(2),
    row.p99_ms.toFixed(2),
    `${row.rss_mb ?? '-'}`,
    `${row.answer_bytes}`,
    row.foreign_cores?.toFixed(2) ?? '-',
    `${row.errors}`,
    target ? formatTarget(target) : '',
  ]
}
