import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { slotMs } from './schema.ts'

export type Row = Readonly<Record<string, unknown>>
/** Conditions of a statement that must all be true, with their values. */
export type Condition = { readonly sql: string; readonly values: readonly SQLInputValue[] }

/** Statements that are prepared once, by their text. The texts are few: they differ by which conditions there are. */
export function createStatements(db: DatabaseSync) {
  const prepared = new Map<string, StatementSync>()
  return {
    all(sql: string, ...values: SQLInputValue[]): Row[] {
      const statement = prepared.get(sql) ?? db.prepare(sql)
      prepared.set(sql, statement)
      return statement.all(...values)
    },
    first(sql: string, ...values: SQLInputValue[]): Row | undefined {
      return this.all(sql, ...values)[0]
    },
  }
}

export type Statements = ReturnType<typeof createStatements>

export function where(conditions: readonly Condition[]): string {
  return conditions.length === 0 ? '' : `where ${conditions.map(({ sql }) => sql).join(' and ')}`
}

export function valuesOf(conditions: readonly Condition[]): SQLInputValue[] {
  return conditions.flatMap(({ values }) => values)
}

/** From the first to the last millisecond. */
export type Range = { readonly from: number; readonly to: number }

/** The ranges of time that slots cover, the newest first, within a range. */
export function rangesOf(slots: readonly number[], within: Range): Range[] {
  const ranges: { from: number; to: number }[] = []
  for (const slot of [...slots].sort((one, other) => other - one)) {
    const [begin, end] = [slot * slotMs, (slot + 1) * slotMs]
    const last = ranges.at(-1)
    if (last !== undefined && last.from === end) last.from = begin
    else ranges.push({ from: begin, to: end })
  }
  return ranges.map(({ from, to }) => ({ from: Math.max(from, within.from), to: Math.min(to, within.to) }))
}

/** How long a search may take. */
const searchMs = 2_000

/** A search that lets others have the thread between its steps, and ends after some seconds with what it has found. */
export function beginSearch(now: () => number = () => performance.now()) {
  const endsAt = now() + searchMs
  return {
    /** Whether it may go on. */
    async mayGoOn(): Promise<boolean> {
      await setImmediate()
      return now() < endsAt
    },
  }
}
