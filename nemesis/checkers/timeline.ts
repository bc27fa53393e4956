import type { Operation } from '../history.ts'
import { svgFile, svgRect, svgText } from '../../bench/svg.ts'

/**
 * Pictures of the operations of a violation: one lane per process, one bar per operation, from its invocation to its
 * completion. Distances are not to scale: each moment takes the same room, so that overlaps can be seen.
 */

/** A line for each operation: its time in ms, its process, its bar, and what was called and returned. */
export function textTimeline(operations: readonly Operation[]): string {
  const { moments } = lanesOf(operations)
  const rank = (time: number) => (Number.isFinite(time) ? moments.indexOf(time) : moments.length)
  const widest = Math.max(...operations.map(({ process }) => process.length))
  return operations
    .map((operation) => {
      const from = rank(operation.invokedAt)
      const to = rank(operation.completedAt)
      const bar = `${'  '.repeat(from)}├${'──'.repeat(Math.max(0, to - from - 1))}─${Number.isFinite(operation.completedAt) ? '┤' : '?'}`
      const ms = (operation.invokedAt / 1e6).toFixed(3)
      return `${ms.padStart(10)} ms  ${operation.process.padEnd(widest)}  ${bar.padEnd(2 * moments.length + 2)}  ${labelOf(operation)}`
    })
    .join('\n')
}

const step = 92
const laneHeight = 52
const left = 140

/** A complete SVG file. */
export function svgTimeline(title: string, operations: readonly Operation[]): string {
  const { lanes, moments } = lanesOf(operations)
  const width = left + step * (moments.length + 2)
  const height = 60 + laneHeight * lanes.length
  const parts = lanes.flatMap(({ process, bars }, row) => {
    const y = 48 + row * laneHeight
    return [svgText(8, y + 17, process), ...bars.map((bar) => barOf(bar, y))]
  })
  return svgFile(width, height, [
    svgText(8, 22, title),
    ...parts,
    ...moments.map((moment, rank) =>
      svgText(left + rank * step, height - 8, `${(moment / 1e6).toFixed(2)} ms`),
    ),
  ])
}

type Bar = { readonly label: string; readonly from: number; readonly to: number; readonly isOpen: boolean }
type Lane = { readonly process: string; readonly bars: readonly Bar[] }

function lanesOf(operations: readonly Operation[]) {
  const moments = operations
    .flatMap(({ invokedAt, completedAt }) => [invokedAt, completedAt])
    .filter(Number.isFinite)
  const sorted = [...new Set(moments)].toSorted((one, other) => one - other)
  const ranks = new Map(sorted.map((moment, rank) => [moment, rank]))
  const byProcess = Map.groupBy(operations, ({ process }) => process)
  const lanes: Lane[] = [...byProcess].flatMap(([process, own]) =>
    withoutOverlaps(own).map((row) => ({
      process,
      bars: row.map((operation) => ({
        label: labelOf(operation),
        from: ranks.get(operation.invokedAt) ?? 0,
        to: ranks.get(operation.completedAt) ?? sorted.length,
        isOpen: !Number.isFinite(operation.completedAt),
      })),
    })),
  )
  return { lanes, moments: sorted }
}

/** As few rows as possible, in each of which no two operations overlap. */
function withoutOverlaps(operations: readonly Operation[]): Operation[][] {
  const rows: Operation[][] = []
  for (const operation of operations.toSorted((one, other) => one.invokedAt - other.invokedAt)) {
    const row = rows.find((one) => (one.at(-1)?.completedAt ?? 0) < operation.invokedAt)
    if (row === undefined) rows.push([operation])
    else row.push(operation)
  }
  return rows
}

function barOf({ label, from, to, isOpen }: Bar, y: number): string {
  const x = left + from * step
  const width = Math.max(6, (to - from) * step - 4)
  const style = isOpen ? 'fill="#eee" stroke="#888" stroke-dasharray="4"' : 'fill="#dbe9ff" stroke="#3367b0"'
  return `${svgRect(x, y, width, 24, style)}\n${svgText(x + 4, y + 40, label)}`
}

/** What was called and returned, such as `update w3 if 1 → 4`. */
function labelOf({ call, result, outcome }: Operation): string {
  const { f, value = '', ifMatch, ifNoneMatch } = members(call)
  const condition =
    ifMatch !== undefined ? `if ${ifMatch}` : ifNoneMatch !== undefined ? `if not ${ifNoneMatch}` : ''
  const called = [f, value, condition].filter((part) => part !== '').join(' ')
  return `${called} → ${outcome === 'ok' ? resultLabel(members(result)) : outcome === 'fail' ? 'failed' : 'unknown'}`
}

function resultLabel({ kind = 'done', value, version }: Record<string, unknown>): string {
  const parts = kind === 'found' || kind === 'written' ? [value, version] : [kind]
  return parts.filter((part) => part !== undefined).join(' ') || 'done'
}

function members(part: unknown): Record<string, unknown> {
  return Object(part)
}
