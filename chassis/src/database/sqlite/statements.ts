import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Query, Row } from '../port.ts'

const statementsMax = 500

/** Prepared statements by text; the oldest is dropped when there are too many, so that built queries cannot pile up. */
export function createStatementCache(connection: DatabaseSync): { get(text: string): StatementSync } {
  const statements = new Map<string, StatementSync>()
  return {
    get(text) {
      const known = statements.get(text)
      if (known !== undefined) return known
      const prepared = connection.prepare(text)
      if (statements.size >= statementsMax) {
        for (const oldest of statements.keys()) {
          statements.delete(oldest)
          break
        }
      }
      statements.set(text, prepared)
      return prepared
    },
  }
}

/** Kysely leaves parameters untyped; node:sqlite refuses at run time what it cannot bind. */
export function sqliteValues(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[]
}

/** The first rows, up to the one with which the sum of a column is reached. */
export function rowsUntil(
  rows: Iterable<Row>,
  { column, reaches }: NonNullable<Query<Row>['until']>,
): readonly Row[] {
  const first: Row[] = []
  let sum = 0
  for (const row of rows) {
    first.push(row)
    sum += Number(row[column])
    if (sum >= reaches) break
  }
  return first
}
