import type { DatabaseSync } from 'node:sqlite'
import { lineColumns, lineOf } from './log-search.ts'
import type { LogLine } from './log-search.ts'
import { idsOfMs, pragma } from './schema.ts'
import type { Statements } from './statements.ts'
import { summaryColumns, summaryOf } from './trace-rows.ts'
import type { TraceSummary } from './trace-rows.ts'

/** The newest that the file has, for those who follow it. */
export type Recent = {
  /** For the next read, which finds nothing unless something was written meanwhile. */
  readonly mark: string
  /** The last that began to be kept, the newest first, each with its number; those that take long grow afterwards. */
  readonly traces: readonly (TraceSummary & { readonly seq: number })[]
  /** The newest first, since the time that was asked for. */
  readonly lines: readonly LogLine[]
  /** How many lines there are in all. */
  readonly linesCount: number
}

const tracesMax = 256
const linesMax = 512

/** Undefined where nothing was written since the read with this mark. */
export function readRecent(
  db: DatabaseSync,
  statements: Statements,
  { mark, since }: { readonly mark: string; readonly since: number },
): Recent | undefined {
  const own = statements.first('select total_changes() as changes')?.changes
  const current = `${pragma(db, 'data_version')} ${String(own)}`
  if (current === mark) return undefined
  const traces = statements.all(`select ${summaryColumns} from trace order by seq desc limit ${tracesMax}`)
  const lines = statements.all(
    `select ${lineColumns} from log where id >= ? order by id desc limit ${linesMax}`,
    Math.floor(since) * idsOfMs,
  )
  const count = statements.first('select sum(count) as count from log_count')?.count
  return {
    mark: current,
    traces: traces.map((row) => ({ ...summaryOf(row), seq: Number(row.seq) })),
    lines: lines.map(lineOf),
    linesCount: Number(count ?? 0),
  }
}
