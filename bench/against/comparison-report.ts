import type { describeMachine } from '../machine.ts'
import type { RowComparison } from './comparison.ts'
import type { Estimate, MeasureName } from './evaluate.ts'
import { medianOf } from '../median.ts'
import { formatTable } from '../table.ts'

/** One run, as written to `against.json`. */
export type ComparisonReport = {
  base: { commit: string; subject: string }
  machine: ReturnType<typeof describeMachine>
  settings: { rounds: number; seconds: number; connections: number; tolerance: number }
  rows: RowComparison[]
  /** Rows that only the base's benchmark has. */
  baseOnly: string[]
}

const measureColumns = ['ratio', '95 % interval', '']
const columns = ['', 'CPU µs/request', ...measureColumns, 'req/s', ...measureColumns, 'other CPU']
const textColumns = [0, 4, 8]
const measureNames: Record<MeasureName, string> = { cpu: 'CPU per request', rate: 'requests per second' }

/** The run fails if a row is worse or could not be measured, or if nothing was compared. */
export function hasPassed({ rows }: ComparisonReport): boolean {
  const isCompared = rows.some(({ estimates }) => estimates !== undefined)
  return isCompared && rows.every(({ worse, failure }) => worse.length === 0 && failure === undefined)
}

export function formatComparison(report: ComparisonReport): string {
  const { base, machine, settings, rows, baseOnly } = report
  const compared = rows.filter(({ estimates }) => estimates !== undefined)
  return [
    `this checkout against ${base.commit} (${base.subject})`,
    `${machine.cpu}, ${machine.cores} cores${machine.pinned ? '' : ' (nothing pinned)'}, ${machine.node}, ${machine.generator}`,
    `${settings.rounds} rounds of ${settings.seconds} s for each side, ${settings.connections} connections, tolerance ${formatPercent(settings.tolerance)}`,
    'Ratios are this checkout to the base: more CPU per request is worse, more requests per second are better.',
    '',
    ...formatTable([columns, ...compared.map(toCells)], textColumns),
    '',
    ...rows.flatMap(describeOutcome),
    ...baseOnly.map((name) => `${name} skipped: only in ${base.commit}`),
    hasPassed(report) ? 'No row is worse.' : 'Failed.',
  ].join('\n')
}

function toCells({ name, estimates, pairs }: RowComparison): string[] {
  if (estimates === undefined) return [name]
  const others = pairs.flatMap((pair) =>
    [...pair.base, ...pair.current].map(({ foreignCores }) => foreignCores),
  )
  return [
    name,
    ...measureCells(estimates.cpu, 1),
    ...measureCells(estimates.rate, 0),
    medianOf(others)?.toFixed(2) ?? '-',
  ]
}

function measureCells(estimate: Estimate, digits: number): string[] {
  const { base, current, ratio, verdict } = estimate
  if (verdict === 'not measured') return ['-', '-', '-', verdict]
  return [
    `${base.toFixed(digits)} → ${current.toFixed(digits)}`,
    ratio.toFixed(3),
    formatInterval(estimate),
    verdict,
  ]
}

function describeOutcome({ name, estimates, worse, isRepeated, skipped, failure }: RowComparison): string[] {
  if (skipped !== undefined) return [`${name} skipped: ${skipped}`]
  if (failure !== undefined) return [`${name} failed: ${failure}`]
  if (estimates === undefined || !isRepeated) return []
  if (worse.length === 0)
    return [`${name} was worse at first, but not in the second set of rounds, which is shown.`]
  return worse.map((measure) => {
    const estimate = estimates[measure]
    const figures = `${estimate.ratio.toFixed(3)}, 95 % interval ${formatInterval(estimate)}`
    return `${name} is worse in two sets of rounds, of which the second is shown: ${measureNames[measure]} ${figures}`
  })
}

function formatInterval({ low, high }: Estimate): string {
  return `${low.toFixed(3)} to ${high.toFixed(3)}`
}

function formatPercent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}
