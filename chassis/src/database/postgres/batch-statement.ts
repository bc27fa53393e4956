import type { Shape, Step, StepTypes } from './shape.ts'
import { replaceParameters } from './sql-text.ts'

/**
 * One statement that executes many units without a deadline, which costs the server a tenth less than the function. Its
 * parameters are the arguments of the function after the count. It fails where any of the units would not succeed by itself;
 * undefined where the shape has no such statement.
 */
export function batchStatement(shape: Shape, types: StepTypes): string | undefined {
  if (shape.hasDeadline) return undefined
  const offsets = shape.steps.map((_, index) =>
    shape.steps.slice(0, index).reduce((sum, { parameters }) => sum + parameters.length, 0),
  )
  const statements = batchStatements(
    shape,
    (step, at) => `$${(offsets[step] ?? 0) + at + 1}::${types[step]?.[at]}[]`,
  )
  const last = statements?.pop()
  if (statements === undefined || last === undefined) return undefined
  const others = statements.map((text, index) => `q_s${index} as (${text})`)
  return others.length === 0 ? last : `with ${others.join(', ')}\n${last}`
}

/** A statement for each step that executes it for all units; `arrayOf` is the array of the values of a parameter. */
export function batchStatements(
  { steps }: Shape,
  arrayOf: (step: number, parameter: number) => string,
): string[] | undefined {
  const statements = steps.map((step, index) => batchStep(step, (at) => arrayOf(index, at)))
  return statements.every((text) => text !== undefined) ? statements : undefined
}

function batchStep({ batchSql, parameters }: Step, arrayOf: (at: number) => string): string | undefined {
  if (batchSql === undefined || parameters.length === 0) return undefined
  if (parameters.some(({ from }) => from === 'step')) return undefined
  return replaceParameters(batchSql, (number) => arrayOf(number - 1))
}
