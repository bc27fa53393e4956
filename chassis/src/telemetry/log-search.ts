import { idsOfMs, slotMs } from './schema.ts'
import { beginSearch, rangesOf, valuesOf, where } from './statements.ts'
import type { Condition, Range, Row, Statements } from './statements.ts'
import type { Held } from './trace-search.ts'

/** From the least to the most severe. */
export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
type Level = (typeof levels)[number]

export type LogLine = {
  readonly id: number
  readonly at: number
  readonly level: Level
  readonly service: string
  readonly message: string
  readonly traceId: string
  readonly requestId: string
  readonly line: string
}

export type LogQuery = {
  /** The least. */
  readonly level?: Level | undefined
  readonly service?: string | undefined
  /** All of them, in any order. */
  readonly words?: string | undefined
  readonly traceId?: string | undefined
  readonly requestId?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly limit: number
  /** The id of the last line of the page before. */
  readonly before?: number | undefined
}

export type LogPage = {
  readonly data: readonly LogLine[]
  readonly next: number | undefined
  readonly held: Held
}

/** Of a line, for `lineOf`. */
export const lineColumns = 'id, level, service, message, trace_id, request_id, line'
const chunkRows = 1_000
const timeMax = Math.floor(Number.MAX_SAFE_INTEGER / idsOfMs) - 1
/** How long lines are counted beyond those that are shown. */
const countMs = 50

/** Finds lines, the newest first. It lets others have the thread while it reads many. */
export async function searchLogs(statements: Statements, query: LogQuery): Promise<LogPage> {
  const range = { from: Math.max(query.from ?? 0, 0), to: Math.min(query.to ?? timeMax, timeMax) }
  const conditions = conditionsOf(query)
  const slots = slotsWith(statements, query, range)
  const isOfAll = query.level === undefined && query.service === undefined
  const ranges = isOfAll ? [range] : rangesOf([...slots.keys()], range)
  const search = { statements, query, conditions, ranges }
  const match = query.words === undefined ? undefined : matchOf(query.words)
  const found =
    match === undefined ? { rows: linesIn(search), stopped: false } : await linesWith(match, search)
  const counted =
    match === undefined
      ? {
          kept: isIndexed(query) ? countOf(search, range) : countOfSlots(search, slots, range),
          stopped: false,
        }
      : countWith(match, search)
  const data = found.rows.slice(0, query.limit).map(lineOf)
  const hasMore = found.rows.length > query.limit || found.stopped
  const oldest = statements.first('select min(id) as id from log')?.id
  return {
    data,
    next: hasMore ? data.at(-1)?.id : undefined,
    held: {
      kept: Math.max(counted.kept, found.rows.length),
      oldestAt: typeof oldest === 'number' ? timeOf(oldest) : null,
      stopped: found.stopped || counted.stopped,
    },
  }
}

/** The lines around one, the oldest first. */
export function linesAround(statements: Statements, id: number, count: number): LogLine[] {
  const before = statements.all(
    `select ${lineColumns} from log where id < ? order by id desc limit ?`,
    id,
    count,
  )
  const after = statements.all(
    `select ${lineColumns} from log where id >= ? order by id limit ?`,
    id,
    count + 1,
  )
  return [...before.reverse(), ...after].map(lineOf)
}

type Search = {
  readonly statements: Statements
  readonly query: LogQuery
  readonly conditions: readonly Condition[]
  /** Where in time there are any, the newest first. */
  readonly ranges: readonly Range[]
}

function conditionsOf({ level, service, traceId, requestId }: LogQuery): Condition[] {
  const least = level === undefined ? 0 : levels.indexOf(level)
  return [
    ...(least < 1
      ? []
      : [
          { sql: 'level in (select value from json_each(?))', values: [JSON.stringify(levels.slice(least))] },
        ]),
    ...(service === undefined ? [] : [{ sql: 'service = ?', values: [service] }]),
    ...(traceId === undefined ? [] : [{ sql: "trace_id = ? and trace_id <> ''", values: [traceId] }]),
    ...(requestId === undefined ? [] : [{ sql: "request_id = ? and request_id <> ''", values: [requestId] }]),
  ]
}

/** The ids of a range of time. */
function idsIn({ from, to }: Range, before = Number.MAX_SAFE_INTEGER): [least: number, greatest: number] {
  return [Math.ceil(from) * idsOfMs, Math.min((Math.floor(to) + 1) * idsOfMs - 1, before - 1)]
}

function between(range: Range, before?: number): Condition {
  return { sql: 'id >= ? and id <= ?', values: idsIn(range, before) }
}

/** How many lines each slot has of the level and the service. */
function slotsWith(
  statements: Statements,
  { level, service }: LogQuery,
  { from, to }: Range,
): Map<number, number> {
  const all = [
    { sql: 'slot >= ? and slot <= ?', values: [Math.floor(from / slotMs), Math.floor(to / slotMs)] },
    ...conditionsOf({ level, service, limit: 0 }),
  ]
  const rows = statements.all(
    `select slot, sum(count) as count from log_count ${where(all)} group by slot`,
    ...valuesOf(all),
  )
  return new Map(rows.map(({ slot, count }) => [Number(slot), Number(count)]))
}

/** Whether an index has the few lines that are asked for. */
function isIndexed({ traceId, requestId }: LogQuery): boolean {
  return traceId !== undefined || requestId !== undefined
}

/** One line more than asked for, where there are so many. */
function linesIn({ statements, query, conditions, ranges }: Search): Row[] {
  const rows: Row[] = []
  for (const range of ranges) {
    const all = [...conditions, between(range, query.before)]
    const sql = `select ${lineColumns} from log ${where(all)} order by id desc limit ?`
    rows.push(...statements.all(sql, ...valuesOf(all), query.limit + 1 - rows.length))
    if (rows.length > query.limit) break
  }
  return rows
}

/** The same of lines that have words. */
async function linesWith(match: string, { statements, query, conditions, ranges }: Search) {
  const time = beginSearch()
  const rows: Row[] = []
  for (const range of ranges) {
    let [least, greatest] = idsIn(range, query.before)
    for (;;) {
      const ids = idsWith(statements, match, [least, greatest])
      const all = [...conditions, oneOf(ids)]
      rows.push(
        ...statements.all(`select ${lineColumns} from log ${where(all)} order by id desc`, ...valuesOf(all)),
      )
      if (rows.length > query.limit) return { rows, stopped: false }
      if (ids.length < chunkRows) break
      greatest = (ids.at(-1) ?? 0) - 1
      if (!(await time.mayGoOn())) return { rows, stopped: true }
    }
  }
  return { rows, stopped: false }
}

/** The newest in a range of ids. */
function idsWith(statements: Statements, match: string, range: readonly [number, number]): number[] {
  const rows = statements.all(
    'select rowid as id from log_words where log_words match ? and rowid >= ? and rowid <= ? order by rowid desc limit ?',
    ...[match, ...range, chunkRows],
  )
  return rows.map(({ id }) => Number(id))
}

function oneOf(ids: readonly number[]): Condition {
  return { sql: 'id in (select value from json_each(?))', values: [JSON.stringify(ids)] }
}

function countOf(
  { statements, conditions }: Pick<Search, 'statements' | 'conditions'>,
  range: Range,
): number {
  const all = [...conditions, between(range)]
  return Number(statements.first(`select count(*) as count from log ${where(all)}`, ...valuesOf(all))?.count)
}

/** By whole slots, and at the ends of the range by the lines themselves. */
function countOfSlots(search: Search, slots: ReadonlyMap<number, number>, { from, to }: Range): number {
  let count = 0
  for (const [slot, ofSlot] of slots) {
    const [begin, end] = [slot * slotMs, (slot + 1) * slotMs - 1]
    const isWhole = from <= begin && to >= end
    count += isWhole ? ofSlot : countOf(search, { from: Math.max(from, begin), to: Math.min(to, end) })
  }
  return count
}

/** Of common words no more are counted than can be at once. */
function countWith(
  match: string,
  { statements, conditions, ranges }: Search,
): { kept: number; stopped: boolean } {
  const endsAt = performance.now() + countMs
  let kept = 0
  for (const range of ranges) {
    let [least, greatest] = idsIn(range)
    for (;;) {
      const ids = idsWith(statements, match, [least, greatest])
      const all = [...conditions, oneOf(ids)]
      kept +=
        conditions.length === 0
          ? ids.length
          : Number(
              statements.first(`select count(*) as count from log ${where(all)}`, ...valuesOf(all))?.count,
            )
      if (ids.length < chunkRows) break
      if (performance.now() > endsAt) return { kept, stopped: true }
      greatest = (ids.at(-1) ?? 0) - 1
    }
  }
  return { kept, stopped: false }
}

/** What a user has written, as words: in quotation marks nothing is an operator of the search. */
function matchOf(words: string): string {
  const quoted = words
    .replaceAll('\0', ' ')
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => `"${word.replaceAll('"', '""')}"`)
  return quoted.length === 0 ? '""' : quoted.join(' ')
}

export function lineOf(row: Row): LogLine {
  return {
    id: Number(row.id),
    at: timeOf(Number(row.id)),
    level: levels.find((level) => level === row.level) ?? 'info',
    ...{ service: String(row.service), message: String(row.message), line: String(row.line) },
    ...{ traceId: String(row.trace_id), requestId: String(row.request_id) },
  }
}

function timeOf(id: number): number {
  return Math.floor(id / idsOfMs)
}
