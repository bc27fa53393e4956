import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { machineClock } from '../../clock/index.ts'
import type { CompactResult } from '../compact-result.ts'
import { commitBeforeColumn } from '../port.ts'
import { referredValue } from '../reference.ts'
import { createBatchDecoder, isReference } from './batch.ts'
import type { Batch, BatchResult, Parameter, Step, UnitResult } from './batch.ts'

/** A database to open; `units` counts what was committed, for the checkpointer. */
export type WriterData = {
  readonly path: string
  /** Whether what is committed must outlive the machine: what is removed when it is closed need not. */
  readonly isDurable: boolean
  readonly busyTimeoutMs: number
  readonly units: Int32Array
}

/** Prepared at its first use, so that a text that SQLite refuses fails its own unit and no other. */
type LazyStatement = { readonly text: string; prepared?: Prepared }
type Prepared = { readonly statement: StatementSync; readonly returnsRows: boolean }

/**
 * The thread that writes one database after the other: each is opened by its data and closed by null, which are responded to once
 * they are done. An exception while opening ends the thread.
 */
let writer: Writer | undefined

parentPort?.on('message', (message: WriterData | Batch | null) => {
  if (message === null) {
    writer?.db.close()
    writer = undefined
    parentPort?.postMessage('closed')
  } else if ('path' in message) {
    writer = open(message)
    parentPort?.postMessage('open')
  } else if (writer !== undefined) parentPort?.postMessage(execute(writer, message))
})

type Writer = ReturnType<typeof open>

function open({ path, isDurable, busyTimeoutMs, units: committed }: WriterData) {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs })
  db.exec(
    `pragma journal_mode = wal; pragma synchronous = ${isDurable ? 'full' : 'off'}; pragma foreign_keys = on`,
  )
  // Random keys write the same pages again and again: the longer the log, the fewer times each is copied to the database. By
  // then the checkpointer has copied most of it. The rest is copied here, since the log starts over only after a checkpoint during
  // which nothing was committed.
  db.exec('pragma wal_autocheckpoint = 16000; pragma cache_size = -4096')
  return {
    db,
    committed,
    begin: db.prepare('begin immediate'),
    end: db.prepare('commit'),
    clock: db.prepare("select unixepoch('subsec') as seconds"),
    decode: createBatchDecoder((text): LazyStatement => ({ text })),
  }
}

function execute(writer: Writer, batch: Batch): BatchResult {
  const { db, committed, begin, end, decode } = writer
  try {
    const units = decode(batch)
    for (;;) {
      begin.run()
      // Hardly any unit fails after it has changed something, so savepoints are used only when one did.
      const results =
        executeUnits(writer, units, lateUnits(batch), false) ??
        executeUnits(writer, units, lateUnits(batch), true)
      if (results === undefined) throw new Error('There is no result of the units.')
      if (!isTooLate(writer, results)) {
        end.run()
        Atomics.add(committed, 0, units.length)
        return results
      }
      db.exec('rollback')
    }
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    return String(error)
  }
}

/**
 * Which units are past their deadlines; undefined if none has one. This is judged with the write lock held, so once another has got
 * the lock after a deadline, the unit has taken effect or never will.
 */
function lateUnits({ deadlines }: Batch): readonly boolean[] | undefined {
  if (deadlines === undefined) return undefined
  const now = machineClock.now()
  return deadlines.map((deadline) => now >= deadline)
}

/** Without savepoints, a unit that fails after a change makes all void: it is rolled back, and the result is undefined. */
function executeUnits(
  writer: Writer,
  units: readonly Step<LazyStatement>[][],
  isLate: readonly boolean[] | undefined,
  withSavepoints: boolean,
): UnitResult[] | undefined {
  const { db } = writer
  const results: UnitResult[] = []
  for (const unit of units) {
    if (isLate?.[results.length]) {
      results.push(null)
      continue
    }
    if (withSavepoints) db.exec('savepoint unit')
    const { result, hasChanges } = executeUnit(writer, unit)
    if (!Array.isArray(result) && hasChanges) {
      if (!withSavepoints) {
        db.exec('rollback; begin immediate')
        return undefined
      }
      db.exec('rollback to unit')
    }
    if (withSavepoints) db.exec('release unit')
    results.push(result)
  }
  return results
}

function executeUnit(
  writer: Writer,
  unit: readonly Step<LazyStatement>[],
): { result: UnitResult; hasChanges: boolean } {
  const results: CompactResult[] = []
  let hasChanges = false
  try {
    for (const { text: statement, parameters, mustAffectRows } of unit) {
      statement.prepared ??= prepare(writer.db, statement.text)
      const result = executeStatement(statement.prepared, bind(parameters, results))
      const isLate = isPast(writer, limitOf(result))
      hasChanges ||= affectsRows(result)
      if (isLate || (mustAffectRows && !affectsRows(result))) return { result: results.length, hasChanges }
      results.push(result)
    }
    return { result: results, hasChanges }
  } catch (error) {
    // A disk that is full or fails concerns the batch, not this unit.
    if (!isUnitError(error)) throw error
    return { result: { error: String(error) }, hasChanges }
  }
}

/** Hardly any statement has references, so the parameters are copied only where one does. */
function bind(parameters: Parameter[], results: readonly CompactResult[]): SQLInputValue[] {
  if (!parameters.some(isReference)) return parameters as SQLInputValue[]
  return parameters.map((parameter) => {
    if (!isReference(parameter)) return parameter
    const rows = results[parameter.step]
    // A row holds what SQLite returned, which it accepts.
    return referredValue(parameter, Array.isArray(rows) ? rows[0] : undefined) as SQLInputValue
  })
}

function prepare(db: DatabaseSync, text: string): Prepared {
  const statement = db.prepare(text)
  return { statement, returnsRows: statement.columns().length > 0 }
}

function executeStatement({ statement, returnsRows }: Prepared, parameters: SQLInputValue[]): CompactResult {
  return returnsRows ? statement.all(...parameters) : Number(statement.run(...parameters).changes)
}

function affectsRows(result: CompactResult): boolean {
  return typeof result === 'number' ? result > 0 : result.length > 0
}

/** Whether a unit must have committed before now. Hardly any has a limit, so the clock is hardly ever read. */
function isTooLate(writer: Writer, results: readonly UnitResult[]): boolean {
  let earliest = Number.POSITIVE_INFINITY
  for (const result of results)
    if (Array.isArray(result)) for (const one of result) earliest = Math.min(earliest, limitOf(one))
  return isPast(writer, earliest)
}

function limitOf(result: CompactResult): number {
  const seconds = typeof result === 'number' ? undefined : result[0]?.[commitBeforeColumn]
  return typeof seconds === 'number' ? seconds : Number.POSITIVE_INFINITY
}

function isPast({ clock }: Writer, seconds: number): boolean {
  return seconds !== Number.POSITIVE_INFINITY && Number(clock.get()?.seconds) >= seconds
}

function isUnitError(error: unknown): boolean {
  // node:sqlite throws these two for a value that it cannot bind, or cannot return.
  if (error instanceof TypeError || error instanceof RangeError) return true
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  return unitErrorCodes.has(code)
}

/** SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH and SQLITE_RANGE come from the unit's own statements or values. */
const unitErrorCodes = new Set([1, 19, 20, 25])
