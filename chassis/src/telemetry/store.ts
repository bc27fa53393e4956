import type { DatabaseSync } from 'node:sqlite'
import { createForgetting } from './forgetting.ts'
import type { Forgetting } from './forgetting.ts'
import { idsOfMs, openTelemetryDatabase, pragma } from './schema.ts'
import type { Kept, SpanData, TracePart } from './spans.ts'
import { whyOf } from './trace-rows.ts'

/** A line of the log that is kept. */
export type KeptLine = { readonly service: string; readonly line: string }

/** The newest that happened, for looking at it: the oldest is forgotten where the file would grow beyond its bytes. */
export type TelemetryStore = {
  write(parts: readonly TracePart[], lines: readonly KeptLine[]): void
  /** The bytes of the file that are in use. */
  bytes(): number
  close(): void
}

const lineLengthMax = 8_192
const servicesMax = 16
/** A client may send all its requests in one trace, and whoever looks at it reads all of its spans. */
const spansOfTraceMax = 4_096

/** Opens the file, whose size `bytesMax` bounds by SQLite's own ceiling. Several processes may write to it. */
export function openTelemetryStore(path: string, bytesMax: number): TelemetryStore {
  const db = openTelemetryDatabase(path, bytesMax)
  return createTelemetryStore(db, createForgetting(db))
}

/** The same of a database that is open. */
export function createTelemetryStore(db: DatabaseSync, forgetting: Forgetting): TelemetryStore {
  const insertPart = createPartInsert(db)
  const insertLine = createLineInsert(db)
  return {
    write: (parts, lines) =>
      forgetting.write(() => {
        for (const part of parts) insertPart(part)
        // Words are indexed faster in the order of the lines' ids.
        for (const line of lines.map(keptRow).sort((one, other) => one.at - other.at)) insertLine(line)
      }),
    bytes: () => forgetting.usedPages() * pragma(db, 'page_size'),
    close: () => db.close(),
  }
}

type TraceRow = {
  requestId: string
  at: number
  root: string
  service: string
  services: string
  durationMs: number
  spans: number
  failed: boolean
  status: number
  why: Kept
}

function createPartInsert(db: DatabaseSync): (part: TracePart) => void {
  const find = db.prepare(
    'select request_id as requestId, at, root, service, services, duration_ms as durationMs, spans, failed, status, why from trace where id = ?',
  )
  const columns = 'request_id, at, root, service, services, duration_ms, spans, failed, status, why'
  const insert = db.prepare(`insert into trace (${columns}, id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const update = db.prepare(`update trace set ${columns.replaceAll(',', ' = ?,')} = ? where id = ?`)
  const span = db.prepare('insert or replace into span values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const link = db.prepare('insert or replace into link values (?, ?, ?, ?)')

  return (whole) => {
    const found = find.get(whole.traceId)
    const room = spansOfTraceMax - Number(found?.spans ?? 0)
    const part = { ...whole, spans: whole.spans.slice(0, Math.max(0, room)) }
    const own = rowOf(part)
    if (own === undefined) return
    const { requestId, at, root, service, services, durationMs, spans, failed, status, why } =
      found === undefined ? own : joined(own, traceRow(found))
    const write = found === undefined ? insert : update
    write.run(
      ...[requestId, at, root, service, services, durationMs, spans, failed ? 1 : 0, status, why],
      part.traceId,
    )
    for (const one of part.spans) {
      const { spanId, parentId, kind, startMs, error, attributes } = one
      span.run(
        ...[part.traceId, spanId, parentId, one.service, one.name, kind, startMs, one.durationMs, error],
        JSON.stringify(attributes),
      )
      for (const to of one.links) link.run(to.traceId, part.traceId, spanId, to.spanId)
    }
  }
}

function rowOf({ requestId, why, spans }: TracePart): TraceRow | undefined {
  const first = earliest(spans)
  if (first === undefined) return undefined
  const endMs = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs))
  const status = Number(first.attributes['http.response.status_code'] ?? 0)
  return {
    ...{ requestId, why, at: first.startMs, root: first.name, service: first.service },
    services: servicesText(spans.map(({ service }) => service)),
    durationMs: endMs - first.startMs,
    spans: spans.length,
    failed: why === 'error' || spans.some(({ error }) => error !== ''),
    status: Number.isInteger(status) && status >= 100 && status <= 599 ? status : 0,
  }
}

function earliest(spans: readonly SpanData[]): SpanData | undefined {
  return spans.reduce<SpanData | undefined>(
    (first, span) => (first === undefined || span.startMs < first.startMs ? span : first),
    undefined,
  )
}

function servicesText(services: readonly string[]): string {
  return [...new Set(services)].sort().slice(0, servicesMax).join(',')
}

function traceRow(row: Readonly<Record<string, unknown>>): TraceRow {
  return {
    ...{ requestId: String(row.requestId), root: String(row.root), service: String(row.service) },
    ...{ services: String(row.services), why: whyOf(row.why), failed: row.failed === 1 },
    ...{ at: Number(row.at), durationMs: Number(row.durationMs), spans: Number(row.spans) },
    status: Number(row.status),
  }
}

/** A trace of two parts: it begins with the earlier one, and ends when both have. */
function joined(one: TraceRow, other: TraceRow): TraceRow {
  const [first, second] = one.at < other.at ? [one, other] : [other, one]
  const whys = [one.why, other.why]
  return {
    ...first,
    requestId: first.requestId || second.requestId,
    services: servicesText([...first.services.split(','), ...second.services.split(',')]),
    durationMs: Math.max(first.at + first.durationMs, second.at + second.durationMs) - first.at,
    spans: one.spans + other.spans,
    failed: one.failed || other.failed,
    why: whys.includes('error') ? 'error' : whys.includes('slow') ? 'slow' : 'sampled',
  }
}

/** Some hundred years from now on; the ids of later lines would have too many digits. */
const timeMax = 8.7e12

function keptRow({ service, line }: KeptLine) {
  const { time, level, msg, traceId, requestId } = fieldsOf(line)
  return {
    at: Math.min(Math.max(Math.floor(Number(time)) || 0, 0), timeMax),
    ...{
      level: text(level),
      service,
      message: text(msg),
      traceId: text(traceId),
      requestId: text(requestId),
    },
    line: line.slice(0, lineLengthMax),
  }
}

function createLineInsert(db: DatabaseSync): (row: ReturnType<typeof keptRow>) => void {
  const insert = db.prepare(
    'insert into log (id, level, service, message, trace_id, request_id, line) values (?, ?, ?, ?, ?, ?, ?)',
  )
  const last = db.prepare('select max(id) as id from log where id >= ? and id < ?')

  /** The milliseconds that were found full last, so that many lines of one time do not search them again and again. */
  let full = { from: 0, to: 0 }

  /** The first id that is free at this time, or soon after it. */
  function idAt(ms: number): number {
    const isWithin = ms >= full.from && ms < full.to
    for (let at = isWithin ? full.to : ms; ; at += 1) {
      const [begin, end] = [at * idsOfMs, (at + 1) * idsOfMs]
      const id = last.get(begin, end)?.id
      const next = typeof id === 'number' ? id + 1 : begin
      if (next >= end) continue
      if (at > ms) full = { from: isWithin ? full.from : ms, to: at }
      return next
    }
  }

  return ({ at, level, service, message, traceId, requestId, line }) =>
    insert.run(idAt(at), level, service, message, traceId, requestId, line)
}

function fieldsOf(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line))
  } catch {
    return {}
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
