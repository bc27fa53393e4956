import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { createPrivateFile } from '../files/index.ts'
import type { Kept, SpanData, TracePart } from './spans.ts'

/** A line of the log that is kept. */
export type KeptLine = { readonly service: string; readonly line: string }

/** The newest that happened, for looking at it: the oldest is forgotten where the file would grow beyond its bytes. */
export type TelemetryStore = {
  write(parts: readonly TracePart[], lines: readonly KeptLine[]): void
  /** The bytes of the file that are in use. */
  bytes(): number
  close(): void
}

/** A file of another version is emptied: it holds nothing that must be kept. */
const version = 1
const busyTimeoutMs = 2_000
/** When the oldest are forgotten, and until how much is free, in parts of the ceiling. */
const forget = { from: 0.9, to: 0.8 }
/** How much of what a service has is forgotten at a time. */
const share = 0.1
const lineLengthMax = 8_192

const tables = `
  create table trace (
    id text primary key, request_id text not null, at real not null, root text not null, service text not null,
    duration_ms real not null, spans integer not null, failed integer not null, why text not null
  ) without rowid;
  create index trace_at on trace (at);
  create index trace_duration on trace (duration_ms);
  create index trace_service on trace (service, at);
  create index trace_request on trace (request_id) where request_id <> '';
  create table span (
    trace_id text not null, id text not null, parent_id text not null, service text not null, name text not null,
    kind text not null, at real not null, duration_ms real not null, error text not null, attributes text not null,
    primary key (trace_id, id)
  );
  create table link (
    linked_trace_id text not null, trace_id text not null, span_id text not null, linked_span_id text not null,
    primary key (linked_trace_id, trace_id, span_id, linked_span_id)
  ) without rowid;
  create index link_trace on link (trace_id);
  create table log (
    id integer primary key, at integer not null, level text not null, service text not null, message text not null,
    trace_id text not null, request_id text not null, line text not null
  );
  create index log_service on log (service, id);
  create index log_trace on log (trace_id) where trace_id <> '';
  create virtual table log_words using fts5 (line, content = 'log', content_rowid = 'id');
  create trigger log_added after insert on log begin
    insert into log_words (rowid, line) values (new.id, new.line);
  end;
  create trigger log_removed after delete on log begin
    insert into log_words (log_words, rowid, line) values ('delete', old.id, old.line);
  end;
  pragma user_version = ${version};
`

/** Opens the file, whose size `bytesMax` bounds by SQLite's own ceiling. Several processes may write to it. */
export function openTelemetryStore(path: string, bytesMax: number): TelemetryStore {
  if (path !== ':memory:') createPrivateFile(path)
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs })
  try {
    return prepare(db, bytesMax)
  } catch (error) {
    db.close()
    throw error
  }
}

function prepare(db: DatabaseSync, bytesMax: number): TelemetryStore {
  db.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma journal_size_limit = 4194304')
  const pageBytes = pragma(db, 'page_size')
  const pagesMax = Math.floor(bytesMax / pageBytes)
  db.exec(`pragma max_page_count = ${pagesMax}`)
  createTables(db)
  const used = () => pragma(db, 'page_count') - pragma(db, 'freelist_count')
  const insert = prepareInserts(db)
  const forgetSome = prepareForgetting(db)

  function inTransaction(work: () => void): void {
    db.exec('begin immediate')
    try {
      work()
      db.exec('commit')
    } catch (error) {
      if (db.isTransaction) db.exec('rollback')
      throw error
    }
  }

  /** Whichever process finds the file nearly full makes room in it, and the next one finds room. */
  function forgetOldest(): void {
    if (used() <= pagesMax * forget.from) return
    for (let round = 0; round < roundsMax && used() > pagesMax * forget.to; round += 1) forgetSome()
  }

  function insertAll(parts: readonly TracePart[], lines: readonly KeptLine[]): void {
    inTransaction(() => {
      forgetOldest()
      for (const part of parts) insert.part(part)
      for (const line of lines) insert.line(line)
    })
  }

  return {
    write(parts, lines) {
      try {
        insertAll(parts, lines)
      } catch (error) {
        // A batch that is larger than what was free.
        if (!isFull(error)) throw error
        inTransaction(() => {
          for (let round = 0; round < roundsWhenFull; round += 1) forgetSome()
        })
        insertAll(parts, lines)
      }
    },
    bytes: () => used() * pageBytes,
    close: () => db.close(),
  }
}

/** Each forgets a tenth of what one service has. */
const roundsMax = 200
const roundsWhenFull = 5

/** SQLITE_FULL. */
function isFull(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 13
}

function pragma(
  db: DatabaseSync,
  name: 'page_size' | 'page_count' | 'freelist_count' | 'user_version',
): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name])
}

function createTables(db: DatabaseSync): void {
  db.exec('begin immediate')
  const found = pragma(db, 'user_version')
  if (found !== version) {
    const old = db.prepare(
      "select name from sqlite_schema where type = 'table' and name in ('log_words', 'log', 'link', 'span', 'trace') order by name = 'log_words' desc",
    )
    for (const { name } of old.all()) db.exec(`drop table "${String(name)}"`)
    db.exec(tables)
  }
  db.exec('commit')
}

function prepareInserts(db: DatabaseSync) {
  const trace = db.prepare(`
    insert into trace (id, request_id, at, root, service, duration_ms, spans, failed, why) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (id) do update set
      request_id = iif(excluded.at < at, excluded.request_id, request_id), root = iif(excluded.at < at, excluded.root, root),
      service = iif(excluded.at < at, excluded.service, service),
      duration_ms = max(at + duration_ms, excluded.at + excluded.duration_ms) - min(at, excluded.at),
      at = min(at, excluded.at), spans = spans + excluded.spans, failed = max(failed, excluded.failed),
      why = case when 'error' in (why, excluded.why) then 'error' when 'slow' in (why, excluded.why) then 'slow' else why end`)
  const span = db.prepare('insert or replace into span values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const link = db.prepare('insert or replace into link values (?, ?, ?, ?)')
  const log = db.prepare(
    'insert into log (at, level, service, message, trace_id, request_id, line) values (?, ?, ?, ?, ?, ?, ?)',
  )
  return {
    part(part: TracePart): void {
      const first = earliest(part.spans)
      if (first === undefined) return
      const endMs = Math.max(...part.spans.map(({ startMs, durationMs }) => startMs + durationMs))
      const failed = failedIn(part.why, part.spans)
      trace.run(
        part.traceId,
        part.requestId,
        first.startMs,
        first.name,
        first.service,
        endMs - first.startMs,
        part.spans.length,
        failed,
        part.why,
      )
      for (const one of part.spans) {
        const { spanId, parentId, service, name, kind, startMs, durationMs, error, attributes } = one
        span.run(
          part.traceId,
          spanId,
          parentId,
          service,
          name,
          kind,
          startMs,
          durationMs,
          error,
          JSON.stringify(attributes),
        )
        for (const to of one.links) link.run(to.traceId, part.traceId, spanId, to.spanId)
      }
    },
    line({ service, line }: KeptLine): void {
      const { time, level, msg, traceId, requestId } = fieldsOf(line)
      log.run(
        Number(time) || 0,
        text(level),
        service,
        text(msg),
        text(traceId),
        text(requestId),
        line.slice(0, lineLengthMax),
      )
    },
  }
}

function earliest(spans: readonly SpanData[]): SpanData | undefined {
  return spans.reduce<SpanData | undefined>(
    (first, span) => (first === undefined || span.startMs < first.startMs ? span : first),
    undefined,
  )
}

function failedIn(why: Kept, spans: readonly SpanData[]): number {
  return why === 'error' || spans.some(({ error }) => error !== '') ? 1 : 0
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

/**
 * Forgets the oldest of the service that has the most, so that a noisy one evicts what it has itself, until there is room enough.
 * Lines of the log and traces count alike.
 */
function prepareForgetting(db: DatabaseSync): () => void {
  const traceCount = db.prepare(
    'select service, sum(spans) as count from trace group by service order by count desc limit 1',
  )
  const logCount = db.prepare(
    'select service, count(*) as count from log group by service order by count desc limit 1',
  )
  const oldest = db.prepare(
    'select id from trace where service = ? order by at limit max(1, (select cast(count(*) * ? as integer) from trace where service = ?))',
  )
  const dropped = [
    'delete from span where trace_id = ?',
    'delete from link where trace_id = ?',
    'delete from trace where id = ?',
  ].map((sql) => db.prepare(sql))
  const dropLines = db.prepare(
    'delete from log where id in (select id from log where service = ? order by id limit max(1, (select cast(count(*) * ? as integer) from log where service = ?)))',
  )
  return () => {
    const [traces, lines] = [largest(traceCount), largest(logCount)]
    if (lines.count > traces.count) dropLines.run(lines.service, share, lines.service)
    else
      for (const { id } of oldest.all(traces.service, share, traces.service))
        for (const drop of dropped) drop.run(String(id))
  }
}

function largest(statement: StatementSync): { service: string; count: number } {
  const row = statement.get()
  return { service: String(row?.service ?? ''), count: Number(row?.count ?? 0) }
}
