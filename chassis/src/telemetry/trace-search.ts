import { slotMs } from './schema.ts'
import type { Kept } from './spans.ts'
import { beginSearch, rangesOf, valuesOf, where } from './statements.ts'
import type { Condition, Range, Row, Statements } from './statements.ts'
import { summaryColumns, summaryOf, whyOf } from './trace-rows.ts'
import type { TraceSummary } from './trace-rows.ts'

export type TraceQuery = {
  /** One of those that have taken part. */
  readonly service?: string | undefined
  /** The name of the first span. */
  readonly route?: string | undefined
  /** A class, such as `5xx`, or one status. */
  readonly status?: string | undefined
  readonly why?: Kept | undefined
  readonly minMs?: number | undefined
  readonly maxMs?: number | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** All of these words, in names, values of attributes and ids. */
  readonly words?: string | undefined
  readonly sort: 'time' | 'duration'
  readonly limit: number
  /** The last trace of the page before: its time or its duration, and its number. */
  readonly after?: readonly [value: number, seq: number] | undefined
}

/** How much there is of what was asked for. A search that was stopped has found at least so many. */
export type Held = { readonly kept: number; readonly oldestAt: number | null; readonly stopped: boolean }
type Counts = Record<string, number>

export type TracePage = {
  readonly data: readonly TraceSummary[]
  readonly next: readonly [value: number, seq: number] | undefined
  readonly held: Held
  readonly facets: { readonly service: Counts; readonly route: Counts; readonly why: Counts }
}

/** Traces of the same services, route, reason and status. */
type Kind = { services: string; root: string; why: Kept; status: number; count: number }

const timeMax = 8.64e15
const facetsMax = 100
/** Up to so many are sorted by duration; of more, those that last longest are read. */
const sortedMax = 5_000
const chunkRows = 500

/** Finds traces. It lets others have the thread while it reads many. */
export async function searchTraces(statements: Statements, query: TraceQuery): Promise<TracePage> {
  const range = { from: Math.max(query.from ?? 0, 0), to: Math.min(query.to ?? timeMax, timeMax) }
  const kinds = kindsIn(statements, range)
  const wanted = kinds.filter((kind) => isWanted(kind, query))
  const counted = wanted.reduce((sum, { count }) => sum + count, 0)
  const ranges = wanted.length === kinds.length ? [range] : rangesWith(statements, wanted, range)
  const plan = planOf(statements, query, { wanted, counted, ranges })
  const found = await findRows(statements, query, plan)
  const rows = found.rows.slice(0, query.limit)
  const last = rows.at(-1)
  const hasMore = found.rows.length > query.limit || found.stopped
  return {
    data: rows.map(summaryOf),
    next: hasMore && last !== undefined ? positionOf(last, query) : undefined,
    held: { kept: keptCount(), oldestAt: oldestAt(statements), stopped: found.stopped },
    facets: facetsOf(kinds),
  }

  /** All that match: by kinds alone, by each trace, or, of words, as far as they were found. */
  function keptCount(): number {
    if (query.words !== undefined) return found.rows.length
    if (query.minMs === undefined && query.maxMs === undefined) return counted
    const all = [...plan.conditions, inRange(hullOf(ranges))]
    const sql = `select count(*) as count from trace indexed by ${plan.index} ${where(all)}`
    return Number(statements.first(sql, ...valuesOf(all))?.count)
  }
}

/** How traces are looked for. */
type Plan = {
  readonly index: 'trace_at' | 'trace_kept' | 'trace_duration'
  readonly conditions: readonly Condition[]
  readonly ranges: readonly Range[]
}

/** SQLite has no statistics of the file, so the index is chosen here. */
function planOf(
  statements: Statements,
  query: TraceQuery,
  { wanted, counted, ranges }: { wanted: readonly Kind[]; counted: number; ranges: readonly Range[] },
): Plan {
  const conditions = conditionsOf(query, wanted)
  const { sort, minMs = 0, maxMs } = query
  const hull = [hullOf(ranges)]
  const byTime = sort === 'time' ? ranges : hull
  if (wanted.every(({ why }) => why !== 'sampled'))
    return {
      index: 'trace_kept',
      conditions: [...conditions, { sql: "why <> 'sampled'", values: [] }],
      ranges: byTime,
    }
  const ofDuration = [
    { sql: 'duration_ms >= ?', values: [minMs] },
    ...(maxMs === undefined ? [] : [{ sql: 'duration_ms <= ?', values: [maxMs] }]),
  ]
  const isByDuration = sort === 'duration' ? counted > sortedMax : query.minMs !== undefined && areFew()
  return isByDuration
    ? { index: 'trace_duration', conditions: [...conditions, ...ofDuration], ranges: hull }
    : { index: 'trace_at', conditions: [...conditions, ...ofDuration], ranges: byTime }

  function areFew(): boolean {
    const sql = `select count(*) as count from (select 1 from trace indexed by trace_duration ${where(ofDuration)} limit ?)`
    return Number(statements.first(sql, ...valuesOf(ofDuration), sortedMax + 1)?.count) <= sortedMax
  }
}

function slotOf(at: number): number {
  return Math.floor(at / slotMs)
}

function oldestAt(statements: Statements): number | null {
  const at = statements.first('select min(at) as at from trace')?.at
  return typeof at === 'number' ? at : null
}

/** How many traces there are of each kind: by whole slots, and at the ends of the range by the traces themselves. */
function kindsIn(statements: Statements, { from, to }: Range): Kind[] {
  const whole = { first: Math.ceil(from / slotMs), last: slotOf(to + 1) - 1 }
  const rows =
    whole.first > whole.last
      ? ofTraces(from, to)
      : [
          ...statements.all(
            'select services, root, why, status, sum(count) as count from trace_count where slot >= ? and slot <= ? group by services, root, why, status',
            ...[whole.first, whole.last],
          ),
          ...(whole.first * slotMs > from ? ofTraces(from, whole.first * slotMs, '<') : []),
          ...((whole.last + 1) * slotMs <= to ? ofTraces((whole.last + 1) * slotMs, to) : []),
        ]
  const kinds = new Map<string, Kind>()
  for (const { services, root, why, status, count } of rows) {
    const key = [services, root, why, status].join('\n')
    const kind = kinds.get(key)
    if (kind !== undefined) kind.count += Number(count)
    else
      kinds.set(key, {
        ...{ services: String(services), root: String(root), why: whyOf(why) },
        ...{ status: Number(status), count: Number(count) },
      })
  }
  return [...kinds.values()]

  function ofTraces(begin: number, end: number, comparison: '<' | '<=' = '<='): Row[] {
    return statements.all(
      `select services, root, why, status, count(*) as count from trace where at >= ? and at ${comparison} ? group by services, root, why, status`,
      ...[begin, end],
    )
  }
}

function isWanted({ services, root, why, status }: Kind, query: TraceQuery): boolean {
  return (
    (query.service === undefined || services.split(',').includes(query.service)) &&
    (query.route === undefined || root === query.route) &&
    (query.why === undefined || why === query.why) &&
    (query.status === undefined || isOfStatus(status, query.status))
  )
}

function isOfStatus(status: number, wanted: string): boolean {
  return wanted.endsWith('xx') ? Math.floor(status / 100) === Number(wanted[0]) : status === Number(wanted)
}

function conditionsOf(query: TraceQuery, wanted: readonly Kind[]): Condition[] {
  const conditions: Condition[] = []
  const add = (sql: string, ...values: Condition['values']) => conditions.push({ sql, values })
  const { service, route, status, why } = query
  if (service !== undefined)
    add(
      'services in (select value from json_each(?))',
      JSON.stringify([...new Set(wanted.map((kind) => kind.services))]),
    )
  if (route !== undefined) add('root = ?', route)
  if (why !== undefined) add('why = ?', why)
  if (status?.endsWith('xx') === true) add('status / 100 = ?', Number(status[0]))
  else if (status !== undefined) add('status = ?', Number(status))
  return conditions
}

function inRange({ from, to }: Range): Condition {
  return { sql: 'at >= ? and at <= ?', values: [from, to] }
}

/** Where in time there are any of these kinds. */
function rangesWith(statements: Statements, wanted: readonly Kind[], range: Range): Range[] {
  const keys = wanted.map(({ services, root, why, status }) => [services, root, why, status].join('\n'))
  const slots = statements.all(
    `select distinct slot from trace_count where slot >= ? and slot <= ?
      and services || char(10) || root || char(10) || why || char(10) || status in (select value from json_each(?))`,
    ...[slotOf(range.from), slotOf(range.to), JSON.stringify(keys)],
  )
  return rangesOf(
    slots.map(({ slot }) => Number(slot)),
    range,
  )
}

function hullOf(ranges: readonly Range[]): Range {
  return { from: ranges.at(-1)?.from ?? 0, to: ranges[0]?.to ?? 0 }
}

type Found = { readonly rows: readonly Row[]; readonly stopped: boolean }

/** One more than asked for, where there are so many. */
async function findRows(
  statements: Statements,
  query: TraceQuery,
  { index, conditions, ranges }: Plan,
): Promise<Found> {
  const search = beginSearch()
  const isMatch = query.words === undefined ? () => true : createMatch(statements, query.words)
  const column = query.sort === 'time' ? 'at' : 'duration_ms'
  const rows: Row[] = []
  for (const range of ranges) {
    for (let after = query.after; ; ) {
      const all = [...conditions, inRange(range), ...(after === undefined ? [] : [beyond(column, after)])]
      const count = query.words === undefined ? query.limit + 1 - rows.length : chunkRows
      const chunk = statements.all(
        `select ${summaryColumns} from trace indexed by ${index} ${where(all)} order by ${column} desc, seq desc limit ?`,
        ...valuesOf(all),
        count,
      )
      rows.push(...chunk.filter(isMatch))
      const last = chunk.at(-1)
      if (rows.length > query.limit) return { rows, stopped: false }
      if (last === undefined || chunk.length < count) break
      after = positionOf(last, query)
      if (!(await search.mayGoOn())) return { rows, stopped: true }
    }
  }
  return { rows, stopped: false }
}

function positionOf(row: Row, { sort }: TraceQuery): [value: number, seq: number] {
  return [Number(sort === 'time' ? row.at : row.duration_ms), Number(row.seq)]
}

function beyond(column: string, [value, seq]: readonly [number, number]): Condition {
  return { sql: `${column} <= ? and (${column} < ? or seq < ?)`, values: [value, value, seq] }
}

/** Whether all words are in a trace: in its ids, in names, in kinds of errors and in values of attributes. */
function createMatch(statements: Statements, text: string): (row: Row) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return (row) => {
    const spans = statements.all(
      'select name, service, error, attributes from span where trace_id = ?',
      String(row.id),
    )
    const texts = spans.flatMap(({ name, service, error, attributes }) => [
      ...[name, service, error],
      ...Object.values(Object(JSON.parse(String(attributes)))),
    ])
    const whole = [row.id, row.request_id, ...texts].join('\n').toLowerCase()
    return words.every((word) => whole.includes(word))
  }
}

function facetsOf(kinds: readonly Kind[]): TracePage['facets'] {
  const [service, route, why] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ]
  for (const kind of kinds) {
    for (const name of kind.services.split(',')) add(service, name, kind.count)
    add(route, kind.root, kind.count)
    add(why, kind.why, kind.count)
  }
  return { service: largestOf(service), route: largestOf(route), why: largestOf(why) }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}

function largestOf(counts: ReadonlyMap<string, number>): Counts {
  const sorted = [...counts].sort(([, one], [, other]) => other - one)
  return Object.fromEntries(sorted.slice(0, facetsMax))
}
