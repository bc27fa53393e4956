import { commitBeforeColumn } from '../port.ts'
import type { Statement } from '../port.ts'
import { Reference, valuePlaceholder } from '../reference.ts'
import { batchInsertSql } from './batch-insert.ts'
import { returnsRows } from './sql-text.ts'

/** What units have in common that differ only in their values: they are executed by one statement or function. */
export type Shape = {
  readonly id: number
  readonly steps: readonly Step[]
  readonly hasDeadline: boolean
  /** Whether the server's clock is compared when the unit commits, which takes the function. */
  readonly isTimed: boolean
}

export type Step = {
  readonly sql: string
  /** The same for many units at once, with an array in the place of each parameter. */
  readonly batchSql: string | undefined
  readonly mustAffectRows: boolean
  readonly returnsRows: boolean
  /** Whether it returns the `commitBeforeColumn`. */
  readonly limitsCommit: boolean
  readonly parameters: readonly ParameterSource[]
}

/** A parameter is a value of the unit, a value that an earlier step returned, or such a value within a text of the unit. */
type ParameterSource =
  | { readonly from: 'unit' }
  | { readonly from: 'step'; readonly step: number; readonly column: string; readonly inText: boolean }

/** Throws for a unit that refers to what no earlier statement returns. */
export function createShape(id: number, unit: readonly Statement[], hasDeadline: boolean): Shape {
  const steps = unit.map((statement, index) => stepOf(statement, index, unit))
  return { id, steps, hasDeadline, isTimed: hasDeadline || steps.some(({ limitsCommit }) => limitsCommit) }
}

function stepOf(statement: Statement, index: number, unit: readonly Statement[]): Step {
  const { sql, query, batchSql, mustAffectRows, parameters } = statement
  return {
    sql,
    batchSql: batchSql ?? batchInsertSql(query),
    mustAffectRows: Boolean(mustAffectRows),
    returnsRows: returnsRows(sql),
    limitsCommit: returnsRows(sql) && sql.includes(`"${commitBeforeColumn}"`),
    parameters: parameters.map((value) =>
      value instanceof Reference ? sourceOf(value, unit, index) : fromUnit,
    ),
  }
}

const fromUnit: ParameterSource = { from: 'unit' }

function sourceOf(
  { statement, column, template }: Reference,
  unit: readonly Statement[],
  index: number,
): ParameterSource {
  const step = unit.indexOf(statement)
  if (step < 0 || step >= index || !returnsRows(statement.sql))
    throw new TypeError(`A statement refers to ${column}, which no earlier one returns.`)
  return { from: 'step', step, column, inText: template !== valuePlaceholder }
}

/** Whether the unit brings something for the parameter: its value, or the text that a value is put into. */
export function isFromUnit(source: ParameterSource): boolean {
  return source.from === 'unit' || source.inText
}

/** The SQL types of the parameters of each step. */
export type StepTypes = readonly (readonly string[])[]
