import type { Result, Row, Statement } from './port.ts'

/**
 * Stands in a text for a value that only the database has yet, such as the id of a row that is being inserted. JSON never
 * contains this character unescaped, so it can stand anywhere in a JSON text.
 */
export const valuePlaceholder = '\0'

/** A parameter whose value an earlier statement of the same unit returns, within a text if `template` has more. */
export class Reference {
  readonly statement: Statement
  readonly column: string
  readonly template: string

  constructor(statement: Statement, column: string, template: string) {
    this.statement = statement
    this.column = column
    this.template = template
  }
}

/**
 * A parameter for a later statement of the same unit: the value of a column of the first row that `statement` returns by
 * its RETURNING clause. `statement` must be the very object that is in the unit.
 */
export function returnedBy(statement: Statement, column: string): Reference {
  return new Reference(statement, column, valuePlaceholder)
}

/** The text `template` with the value of the reference in the place of each `valuePlaceholder`. */
export function referenceInText(reference: Reference, template: string): Reference {
  return new Reference(reference.statement, reference.column, template)
}

/** The value of a reference to this row. */
export function referredValue(
  { column, template }: Pick<Reference, 'column' | 'template'>,
  row: Row | undefined,
): unknown {
  const value = row?.[column]
  if (value === undefined)
    throw new TypeError(`No earlier statement of the unit returned the column ${column}.`)
  return template === valuePlaceholder ? value : template.replaceAll(valuePlaceholder, () => String(value))
}

/** The parameters of a statement of the unit, each reference replaced by its value in the results so far. */
export function boundParameters(
  { parameters }: Statement,
  unit: readonly Statement[],
  results: readonly Result[],
): unknown[] {
  return parameters.map((value) =>
    value instanceof Reference
      ? referredValue(value, results[unit.indexOf(value.statement)]?.rows[0])
      : value,
  )
}
