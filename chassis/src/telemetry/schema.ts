import { DatabaseSync } from 'node:sqlite'
import { createPrivateFile, restrictFile } from '../files/index.ts'

/** A file of another version is emptied: it holds nothing that must be kept. */
const version = 2
const busyTimeoutMs = 2_000

/** Lines of the log within a millisecond that have ids of their own time. */
export const idsOfMs = 1_024
/** Traces of so long are counted together. */
export const slotMs = 300_000

/**
 * `trace_at` has what traces are filtered by, so that a search reads no rows but those that it finds; `trace_count` and
 * `log_count` have how many there are of each kind, and when. The id of a line is its time, so that lines are found by time, and by words in the order of time.
 */
const tables = `
  create table trace (
    seq integer primary key, id text not null unique, request_id text not null, at real not null, root text not null, service text not null,
    services text not null, duration_ms real not null, spans integer not null, failed integer not null, status integer not null, why text not null
  );
  create index trace_at on trace (at, duration_ms, status, why, services, root);
  create index trace_kept on trace (at) where why <> 'sampled';
  create index trace_duration on trace (duration_ms, at);
  create index trace_service on trace (service, at);
  create index trace_request on trace (request_id) where request_id <> '';
  create table trace_count (
    slot integer not null, services text not null, root text not null, why text not null, status integer not null, count integer not null,
    primary key (slot, services, root, why, status)
  ) without rowid;
  create trigger trace_added after insert on trace begin
    ${countOf('new', 1)}
  end;
  create trigger trace_changed after update of at, services, root, why, status on trace begin
    ${countOf('old', -1)}
    ${countOf('new', 1)}
  end;
  create trigger trace_removed after delete on trace begin
    ${countOf('old', -1)}
  end;
  create trigger trace_count_none after update on trace_count when new.count = 0 begin
    delete from trace_count where slot = new.slot and services = new.services and root = new.root and why = new.why and status = new.status;
  end;
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
    id integer primary key, level text not null, service text not null, message text not null,
    trace_id text not null, request_id text not null, line text not null, at integer as (id / ${idsOfMs}) virtual
  );
  create index log_service on log (service, id);
  create index log_trace on log (trace_id) where trace_id <> '';
  create index log_request on log (request_id) where request_id <> '';
  create table log_count (
    slot integer not null, service text not null, level text not null, count integer not null, primary key (slot, service, level)
  ) without rowid;
  create trigger log_count_none after update on log_count when new.count = 0 begin
    delete from log_count where slot = new.slot and service = new.service and level = new.level;
  end;
  create virtual table log_words using fts5 (line, content = 'log', content_rowid = 'id');
  create trigger log_added after insert on log begin
    insert into log_words (rowid, line) values (new.id, new.line);
    ${countOfLine('new', 1)}
  end;
  create trigger log_removed after delete on log begin
    insert into log_words (log_words, rowid, line) values ('delete', old.id, old.line);
    ${countOfLine('old', -1)}
  end;
  create table series (
    tier integer not null, at integer not null, service text not null, count integer not null, samples text not null,
    primary key (tier, at, service)
  ) without rowid;
  create table series_name (id integer primary key, name text not null unique);
  create table event (id integer primary key, at integer not null, kind text not null, service text not null, text text not null);
  create index event_at on event (at);
  create table action (
    id integer primary key autoincrement, at integer not null, who text not null, what text not null, on_what text not null,
    outcome text not null, succeeded integer not null
  );
  pragma user_version = ${version};
`

/** Counts a trace where it is in time, by its kind. */
function countOf(row: 'new' | 'old', change: 1 | -1): string {
  return `insert into trace_count (slot, services, root, why, status, count)
    values (cast(${row}.at / ${slotMs} as integer), ${row}.services, ${row}.root, ${row}.why, ${row}.status, ${change})
    on conflict do update set count = count + ${change};`
}

function countOfLine(row: 'new' | 'old', change: 1 | -1): string {
  return `insert into log_count (slot, service, level, count)
    values (${row}.id / ${slotMs * idsOfMs}, ${row}.service, ${row}.level, ${change})
    on conflict do update set count = count + ${change};`
}

/** Opens the file for writing, with its tables. Several processes may have it open. */
export function openTelemetryDatabase(path: string, bytesMax: number): DatabaseSync {
  if (path !== ':memory:') {
    createPrivateFile(path)
    // What another process or an earlier one has left beside it.
    for (const file of [`${path}-wal`, `${path}-shm`]) restrictFile(file)
  }
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs })
  try {
    db.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma journal_size_limit = 4194304')
    db.exec(`pragma max_page_count = ${Math.floor(bytesMax / pragma(db, 'page_size'))}`)
    createTables(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Opens the file for reading; undefined where it has the tables of another version, or none yet. */
export function openTelemetryForReading(path: string): DatabaseSync | undefined {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs, readOnly: true })
  try {
    if (pragma(db, 'user_version') === version) return db
  } catch (error) {
    db.close()
    throw error
  }
  db.close()
  return undefined
}

export function pragma(
  db: DatabaseSync,
  name: 'page_size' | 'page_count' | 'max_page_count' | 'freelist_count' | 'user_version' | 'data_version',
): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name])
}

function createTables(db: DatabaseSync): void {
  inTransaction(db, () => {
    if (pragma(db, 'user_version') === version) return
    const old = db.prepare(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite|_%' escape '|' and name not like 'log_words|_%' escape '|' order by name = 'log_words' desc",
    )
    for (const { name } of old.all()) db.exec(`drop table "${String(name)}"`)
    db.exec(tables)
  })
}

/** Runs work in a transaction that can write from its beginning on. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('begin immediate')
  try {
    work()
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

/** Whether the file is locked or full, which passes: SQLITE_BUSY and SQLITE_FULL. */
export function isTemporary(error: unknown): boolean {
  const code = resultCodeOf(error)
  return code === 5 || code === 13
}

/** SQLITE_FULL. */
export function isFull(error: unknown): boolean {
  return resultCodeOf(error) === 13
}

function resultCodeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
}
