import pg from 'pg'
import type { ErrorClass } from '../server/error-class.ts'
import { UnitError } from './unit-result.ts'

/**
 * By SQLSTATE (PostgreSQL, appendix A), or `ambiguous` where the server's response was lost. A statement timeout or a lack
 * of resources undoes the transaction, so nothing was applied.
 */
export function classifyError(error: unknown): ErrorClass {
  if (error instanceof UnitError) return classifyState(error.state)
  if (!isStatementError(error) || error.code === undefined || unresolved.test(error.code)) return 'ambiguous'
  return classifyState(error.code)
}

/** The outcome is not known to a proxy, or to a server of several nodes: statement_completion_unknown, and lost connections. */
const unresolved = /^(40003|08(?!P01))/

function classifyState(state: string): ErrorClass {
  if (state === '40001' || state === '40P01' || state === '55P03') return 'retryable'
  // 08P01 is the server's response to fewer values than a statement has parameters.
  return /^(0A|08P01|2[1-7]|42|P0|44)/.test(state) ? 'invalid' : 'not_applied'
}

/** Whether the server refused a statement and the connection can be used again. */
export function isStatementError(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.severity !== 'FATAL' && error.severity !== 'PANIC'
}

/** Whether a table has changed since the statement was prepared, so that it must be prepared again. */
export function isOutdatedPlan(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.routine === 'RevalidateCachedQuery'
}

/** Whether a statement took too long and was undone. */
export function isTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '57014'
}
