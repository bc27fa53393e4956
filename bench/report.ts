import type { Judgement } from './targets.ts'
import type { Result } from './result.ts'
import type { describeMachine } from './machine.ts'

/** One run, as `latest.json` holds it. */
export type Report = {
  machine: ReturnType<typeof describeMachine>
  settings: { rounds: number; seconds: number; connections: number }
  rows: Result[]
  targets: Judgement[]
}

const heads = [
  '',
  'req/s',
  'ratio',
  'CPU ratio',
  'p50 ms',
  'p99 ms',
  'RSS MB',
  'bytes',
  'noise',
  'errors',
  'target',
]

/** The report as text: a table of the rows, the targets that belong to no row, and the failures. */
export function formatReport({ machine, settings, rows, targets }: Report): string {
  const cells = [heads, ...rows.map((row) => toCells(row, targets))]
  const widths = heads.map((_, column) => Math.max(...cells.map((line) => (line[column] ?? '').length)))
  const loose = targets.filter(({ row }) => row === undefined)
  return [
    `${machine.cpu}, ${machine.cores} cores${machine.pinned ? '' : ' (nothing pinned)'}, ${machine.node}, ${machine.generator}, fsync ${machine.fsync_us} us`,
    `${settings.rounds} rounds of ${settings.seconds} s, ${settings.connections} connections`,
    '',
    ...cells.map((line) =>
      line
        .map((text, column) => pad(text, column, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    '',
    ...loose.map((target) => `${target.name}: ${formatValue(target)}  ${formatTarget(target)}`),
    ...rows.flatMap(({ name, failure }) => (failure === undefined ? [] : `${name} failed: ${failure}`)),
    '',
  ].join('\n')
}

/** `≥ 0.70 met, goal 0.85` */
export function formatTarget({ bound, accepted, goal, verdict }: Judgement): string {
  const limit = `${bound === 'at least' ? '≥' : '≤'} ${accepted}`
  return goal === undefined ? `${limit} ${verdict}` : `${limit} ${verdict}, goal ${goal}`
}

function formatValue({ value, unit = '' }: Judgement): string {
  return value === null ? '-' : `${value} ${unit}`.trimEnd()
}

function toCells(row: Result, targets: Judgement[]): string[] {
  const judgement = targets.find((target) => target.row === row.name)
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
    judgement ? formatTarget(judgement) : '',
  ]
}

/** Numbers stand to the right, the first and the last column to the left. */
function pad(text: string, column: number, width: number): string {
  return column === 0 || column === heads.length - 1 ? text.padEnd(width) : text.padStart(width)
}
