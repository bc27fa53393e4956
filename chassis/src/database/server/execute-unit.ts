import type { Outcome, Result, Statement } from '../port.ts'
import { boundParameters } from '../reference.ts'

/** Executes the statements of a unit one after the other, up to one that must affect rows and affects none. */
export async function executeUnit(
  unit: readonly Statement[],
  execute: (sql: string, parameters: unknown[]) => Promise<Result>,
): Promise<Outcome> {
  const results: Result[] = []
  for (const [index, statement] of unit.entries()) {
    const result = await execute(statement.sql, boundParameters(statement, unit, results))
    if (statement.mustAffectRows && result.changes === 0) return { failedStatement: index, results: [] }
    results.push(result)
  }
  return { results }
}
