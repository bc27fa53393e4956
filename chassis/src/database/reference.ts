import type { Statement } from './port.ts'

/**
 * Stands in a text for a value that only the database knows yet, such as the id of a row that is being inserted. No JSON has
 * this character raw, so it can stand in one wherever the value will.
 */
export const valuePlaceholder = '\0'

/** A parameter whose value an earlier statement of the same unit returns; with a text around it if `template` has more. */
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
 * To be bound in a statement that comes later in the same unit: the value of a column of the first row that `statement`, the
 * very object that stands in the unit, returns by its RETURNING clause.
 */
export function returnedBy(statement: Statement, column: string): Reference {
  return new Reference(statement, column, valuePlaceholder)
}

/** The text with the value of the reference wherever `pending` stands in it. */
export function referenceInText(reference: Reference, template: string): Reference {
  return new Reference(reference.statement, reference.column, template)
}
