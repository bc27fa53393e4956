import type { DatabaseSync } from 'node:sqlite'
import { createForgetting } from './forgetting.ts'
import { createHistoryStore } from './history.ts'
import type { HistoryStore } from './history.ts'
import { linesAround, searchLogs } from './log-search.ts'
import type { LogLine, LogPage, LogQuery } from './log-search.ts'
import { readRecent } from './recent.ts'
import type { Recent } from './recent.ts'
import { openTelemetryDatabase, openTelemetryForReading } from './schema.ts'
import { createSeriesStore } from './series.ts'
import type { SeriesStore } from './series.ts'
import { createStatements } from './statements.ts'
import { createTelemetryStore } from './store.ts'
import type { TelemetryStore } from './store.ts'
import { readTrace, readTraceAsOtlp } from './trace-detail.ts'
import type { TraceDetail } from './trace-detail.ts'
import { searchTraces } from './trace-search.ts'
import type { TracePage, TraceQuery } from './trace-search.ts'

export { levels } from './log-search.ts'
export type { LogQuery } from './log-search.ts'
export type { Recent } from './recent.ts'
export { isTemporary } from './schema.ts'
export type { TraceDetail } from './trace-detail.ts'
export type { TraceSummary } from './trace-rows.ts'
export type { TraceQuery } from './trace-search.ts'

/** What is read from the file. */
type TelemetryReader = {
  searchTraces(query: TraceQuery): Promise<TracePage>
  readTrace(id: string): TraceDetail | undefined
  readTraceAsOtlp(id: string, version: string): string | undefined
  searchLogs(query: LogQuery): Promise<LogPage>
  linesAround(id: number, count: number): readonly LogLine[]
  readRecent(since: { readonly mark: string; readonly since: number }): Recent | undefined
  close(): void
}

/** The file of telemetry with all that is in it, for a program that reads it and adds to it. It blocks the thread that it is used in. */
export type TelemetryFile = TelemetryReader & TelemetryStore & SeriesStore & HistoryStore

/** Opens the file; `:memory:` is one of this program alone. */
export function openTelemetryFile(
  path: string,
  { bytesMax, now }: { readonly bytesMax: number; readonly now: () => number },
): TelemetryFile {
  const db = openTelemetryDatabase(path, bytesMax)
  const forgetting = createForgetting(db)
  const { write } = forgetting
  return {
    ...createReader(db),
    ...createTelemetryStore(db, forgetting),
    ...createSeriesStore(db, { now, write }),
    ...createHistoryStore(db, write),
  }
}

/** Opens the file for reading; undefined where it has the tables of another version, or none yet. */
export function openTelemetryReader(path: string): TelemetryReader | undefined {
  const db = openTelemetryForReading(path)
  return db && createReader(db)
}

function createReader(db: DatabaseSync): TelemetryReader {
  const statements = createStatements(db)
  return {
    searchTraces: (query) => searchTraces(statements, query),
    readTrace: (id) => readTrace(statements, id),
    readTraceAsOtlp: (id, version) => readTraceAsOtlp(statements, id, version),
    searchLogs: (query) => searchLogs(statements, query),
    linesAround: (id, count) => linesAround(statements, id, count),
    readRecent: (since) => readRecent(db, statements, since),
    close: () => db.close(),
  }
}
