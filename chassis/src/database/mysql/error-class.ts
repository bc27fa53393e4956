import { AppError } from '../../errors/index.ts'
import type { ErrorClass } from '../server/error-class.ts'

export const missingDatabase = 1049
export const missingTable = 1146

/**
 * By the server's error number and SQLSTATE, or `ambiguous` where its response was lost or the commit itself failed. Any other
 * error of the server, such as a lack of resources or of permission to write, means that nothing was applied.
 */
export function classifyError(error: unknown): ErrorClass {
  if (error instanceof TypeError || error instanceof AppError) return 'invalid'
  const found = serverError(error)
  if (found === undefined || found.errno === errorDuringCommit) return 'ambiguous'
  if (retryable.has(found.errno)) return 'retryable'
  if (notApplied.has(found.errno)) return 'not_applied'
  return /^(0A|2[1-7]|42|44)/.test(found.state) || invalid.has(found.errno) ? 'invalid' : 'not_applied'
}

/** A storage engine or the log has failed in the midst of a commit, which may survive a restart of the server. */
const errorDuringCommit = 1180
/** A deadlock; a lock wait timeout; a row or a table that changed during the statement. */
const retryable = new Set([1213, 1205, 1020, 1615])
/** Missing privileges and used up quotas of the user: no fault of the statement, whatever the SQLSTATE is. */
const notApplied = new Set([1044, 1142, 1143, 1203, 1226])
/** Those without an SQLSTATE of their own: parameters and values that do not fit, and a failed check constraint. */
const invalid = new Set([1210, 1292, 1364, 1366, 1390, 3140, 3141, 3819])

/** The server's error for a statement after which the connection can be used again. */
export function serverError(error: unknown): { errno: number; state: string } | undefined {
  if (!(error instanceof Error) || !('errno' in error) || !('sqlState' in error)) return undefined
  if ('fatal' in error && error.fatal === true) return undefined
  const [errno, state] = [Number(error.errno), String(error.sqlState)]
  return state.startsWith('08') || closing.has(errno) ? undefined : { errno, state }
}

/** The server closes the connection after these: it was killed, or idle for too long; or a proxy has lost its connection to it. */
const closing = new Set([1927, 4031, 2006, 2013, 2055])

/** Whether a statement took too long and was undone. */
export function isTimeout(error: unknown): boolean {
  return timeouts.has(serverError(error)?.errno ?? 0)
}

const timeouts = new Set([1317, 1969, 3024])
