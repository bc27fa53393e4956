import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Row } from '../port.ts'
import { valuePlaceholder } from '../reference.ts'
import { lowerAsUnicode } from './functions.ts'

/**
 * A group on its way to the writer, flat because the structured clone of one array of primitives costs a fraction of that of
 * objects. `texts` are statements not sent before, numbered in order of first use. `values` is, per unit: how many
 * statements; per statement: its number (-1 - number when it is required), how many parameters, the parameters.
 */
export type Batch = {
  readonly texts: readonly string[]
  readonly values: readonly unknown[]
  /** Whether numbering begins anew, so that built queries cannot pile up. */
  readonly forget: boolean
}

/** Instead of a parameter: what a column of the first row holds that an earlier step of the unit returned, as text if there is more. */
export type Slot = { readonly step: number; readonly column: string; readonly template: string }

/** What a statement did: the rows that it returned, or how many it touched. It is kept bare, since it is cloned. */
export type StepAnswer = Row[] | number

/** An answer per statement; or the index of the required one that touched no row; or why this unit alone failed. */
export type UnitAnswer = StepAnswer[] | number | { readonly error: string }

/** An answer per unit, or why the whole group changed nothing. */
export type BatchAnswer = UnitAnswer[] | string

type Prepared = { readonly statement: StatementSync; readonly returnsRows: boolean }
/** Prepared at its first use, so that a text that SQLite refuses fails its own unit and no other. */
type Known = { readonly text: string; prepared?: Prepared }
type Parameter = SQLInputValue | Slot
type Step = { readonly known: Known; readonly required: boolean; readonly parameters: Parameter[] }

const { path, busyTimeoutMs }: { path: string; busyTimeoutMs: number } = workerData
const db = new DatabaseSync(path, { timeout: busyTimeoutMs })
db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on')
// Random keys dirty the same pages again and again: the longer the log, the fewer times each is copied to the database.
db.exec('pragma wal_autocheckpoint = 8000; pragma cache_size = -4096')
lowerAsUnicode(db)

const begin = db.prepare('begin immediate')
const end = db.prepare('commit')
let statements: Known[] = []

parentPort?.on('message', (batch: Batch | null) => {
  if (batch === null) {
    db.close()
    parentPort?.close()
    return
  }
  parentPort?.postMessage(run(batch))
})
parentPort?.postMessage('ready')

function run({ texts, values, forget }: Batch): BatchAnswer {
  if (forget) statements = []
  for (const text of texts) statements.push({ text })
  try {
    const units = decode(values)
    begin.run()
    // Hardly any unit fails after it has changed something, so savepoints are paid for only when one did.
    const answers = runUnits(units, false) ?? runUnits(units, true)
    end.run()
    return answers ?? 'unreachable: a run with savepoints always answers'
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    return String(error)
  }
}

/** Without savepoints, a unit that fails midway makes the whole run void: it is rolled back, and undefined returned. */
function runUnits(units: readonly Step[][], withSavepoints: boolean): UnitAnswer[] | undefined {
  const answers: UnitAnswer[] = []
  for (const unit of units) {
    if (withSavepoints) db.exec('savepoint unit')
    const { answer, touched } = runUnit(unit)
    if (!Array.isArray(answer) && touched) {
      if (!withSavepoints) {
        db.exec('rollback; begin immediate')
        return undefined
      }
      db.exec('rollback to unit')
    }
    if (withSavepoints) db.exec('release unit')
    answers.push(answer)
  }
  return answers
}

function runUnit(unit: readonly Step[]): { answer: UnitAnswer; touched: boolean } {
  const results: StepAnswer[] = []
  let touched = false
  try {
    for (const { known, required, parameters } of unit) {
      known.prepared ??= prepare(known.text)
      const result = runStep(known.prepared, fill(parameters, results))
      if (touches(result)) touched = true
      else if (required) return { answer: results.length, touched }
      results.push(result)
    }
    return { answer: results, touched }
  } catch (error) {
    // A full disk or a failing one concerns the group, not this unit.
    if (!isUnitError(error)) throw error
    return { answer: { error: String(error) }, touched }
  }
}

/** Hardly any statement has slots, so the parameters are copied only where one does. */
function fill(parameters: Parameter[], results: readonly StepAnswer[]): SQLInputValue[] {
  return parameters.some(isSlot)
    ? parameters.map((parameter) => (isSlot(parameter) ? referredValue(parameter, results) : parameter))
    : (parameters as SQLInputValue[])
}

function isSlot(parameter: Parameter): parameter is Slot {
  return typeof parameter === 'object' && parameter !== null && 'template' in parameter
}

function referredValue({ step, column, template }: Slot, results: readonly StepAnswer[]): SQLInputValue {
  const rows = results[step]
  const value = Array.isArray(rows) ? rows[0]?.[column] : undefined
  if (value === undefined) throw new TypeError(`Step ${step} of the unit returned no ${column} to refer to.`)
  // A row holds what SQLite gave, which it takes again.
  return template === valuePlaceholder
    ? (value as SQLInputValue)
    : template.replaceAll(valuePlaceholder, String(value))
}

function prepare(text: string): Prepared {
  const statement = db.prepare(text)
  return { statement, returnsRows: statement.columns().length > 0 }
}

function runStep({ statement, returnsRows }: Prepared, parameters: SQLInputValue[]): StepAnswer {
  return returnsRows ? statement.all(...parameters) : Number(statement.run(...parameters).changes)
}

function touches(answer: StepAnswer): boolean {
  return typeof answer === 'number' ? answer > 0 : answer.length > 0
}

function isUnitError(error: unknown): boolean {
  // node:sqlite throws these two for a value that it cannot bind, and for one that it cannot give back.
  if (error instanceof TypeError || error instanceof RangeError) return true
  // SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE and SQLITE_ERROR come from the unit's own statements or values.
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  return code === 19 || code === 20 || code === 25 || code === 1
}

function decode(values: readonly unknown[]): Step[][] {
  const units: Step[][] = []
  let at = 0
  while (at < values.length) {
    const unit: Step[] = []
    for (let left = Number(values[at++]); left > 0; left--) {
      const id = Number(values[at++])
      const count = Number(values[at++])
      const known = statements[id < 0 ? -1 - id : id]
      if (known === undefined) throw new Error(`Statement ${id} was never sent.`)
      // node:sqlite refuses at run time what it cannot bind.
      unit.push({ known, required: id < 0, parameters: values.slice(at, at + count) as Parameter[] })
      at += count
    }
    units.push(unit)
  }
  return units
}
