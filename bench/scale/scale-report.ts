import type { RatioInterval } from '../against/interval.ts'
import { drawPanels } from '../line-chart.ts'
import { formatTable } from '../table.ts'
import { operations } from './run-scale.ts'
import type { ScaleReport, ScaleResult } from './run-scale.ts'

/** How many times slower than with the fewest rows an operation may be, and how many times longer its p99. */
const goals: Partial<Record<ScaleResult['operation'], { slower: number; p99?: number }>> = {
  GET: { slower: 1.2 },
  POST: { slower: 1.3, p99: 3 },
}

export function formatScale({ machine, settings, results, skipped }: ScaleReport): string {
  const head = ['engine', 'rows', 'operation', 'req/s', 'p50 ms', 'p99 ms', 'rate', 'p99', 'errors', 'goal']
  const lines = results.map((result) => [
    result.engine,
    result.rows.toLocaleString('en'),
    result.operation,
    String(result.rps),
    formatMs(result.p50_ms),
    formatMs(result.p99_ms),
    formatInterval(result.rate),
    formatInterval(result.p99),
    String(result.errors),
    verdictOf(result, results.find(isOwnOf(result))),
  ])
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.node}, ${machine.generator}, fsync ${machine.fsync_us} us`,
    `${settings.rounds} rounds of ${settings.seconds} s, ${settings.connections} connections`,
    '',
    ...formatTable([head, ...lines], [0, 2, 9]),
    '',
    'rate and p99: to those with the fewest rows, with the 95 % interval.',
    ...skipped.map((sentence) => `Not measured: ${sentence}`),
  ].join('\n')
}

/**
 * `met` or what was missed of the goal of an operation, with what the engine itself loses; empty for the fewest rows, and for the
 * engine's own inserts, which have no goal.
 */
export function verdictOf({ operation, rate, p99 }: ScaleResult, own?: ScaleResult): string {
  const goal = goals[operation]
  if (goal === undefined || rate.ratio === 1) return ''
  const misses = [
    ...(1 / rate.ratio > goal.slower ? [timesSlower(rate)] : []),
    ...(goal.p99 !== undefined && p99.ratio > goal.p99 ? [timesLonger(p99)] : []),
  ]
  if (misses.length === 0) return 'met'
  const ofEngine =
    own === undefined ? '' : `; the engine itself: ${timesSlower(own.rate)}, ${timesLonger(own.p99)}`
  return `missed: ${misses.join(', ')}${ofEngine}`
}

const timesSlower = ({ ratio }: RatioInterval) => `${(1 / ratio).toFixed(2)} times slower`
const timesLonger = ({ ratio }: RatioInterval) => `p99 ${ratio.toFixed(1)} times`

/** Finds what the engine itself reaches in the place of a POST. */
function isOwnOf({ engine, rows, operation }: ScaleResult) {
  return (other: ScaleResult) =>
    operation === 'POST' &&
    other.operation === 'engine inserts' &&
    other.engine === engine &&
    other.rows === rows
}

/** Rates by the number of rows, a panel for each operation and a line for each engine. */
export function drawScale({ results, machine }: ScaleReport): string {
  const engines = [...new Set(results.map(({ engine }) => engine))]
  return drawPanels({
    title: 'Requests per second by the number of rows',
    subtitle: `${machine.cpu}, ${machine.node}, ${machine.date.slice(0, 10)}; rows on a logarithmic axis`,
    xOf: Math.log10,
    formatX: (rows) => rows.toLocaleString('en', { notation: 'compact' }),
    panels: [...operations, 'engine inserts' as const].map((operation) => ({
      title: operation,
      lines: engines.map((engine) => ({
        name: engine,
        points: results
          .filter((one) => one.engine === engine && one.operation === operation)
          .map(({ rows, rps }) => ({ x: rows, y: rps })),
      })),
    })),
  })
}

function formatInterval({ ratio, low, high }: RatioInterval): string {
  if (!Number.isFinite(ratio)) return '-'
  if (ratio === 1 && low === high) return '1'
  return Number.isFinite(low)
    ? `${ratio.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`
    : ratio.toFixed(2)
}

function formatMs(ms: number): string {
  return Number.isFinite(ms) ? ms.toFixed(2) : '-'
}
