import { AppError, dependencyDown } from '../../errors/index.ts'
import { cannotWrite, unknownOutcome } from '../pending-unit.ts'

/** What an error of a server means for the caller. */
export type ErrorClass = 'invalid' | 'retryable' | 'not_applied' | 'ambiguous'

/** The error of a unit that is not retried. */
export function commitError(errorClass: ErrorClass, cause: unknown): Error {
  if (errorClass === 'retryable')
    return new AppError('overloaded', 'Too many concurrent changes to this resource; retry.', { cause })
  if (errorClass === 'invalid')
    return new Error(`The database refused a statement: ${messageOf(cause)}`, { cause })
  if (errorClass === 'not_applied') return cannotWrite(cause)
  return unknownOutcome(cause)
}

/** The error of a read that is not retried. */
export function readError(errorClass: ErrorClass, cause: unknown): Error {
  return errorClass === 'invalid'
    ? new Error('The database refused a query.', { cause })
    : dependencyDown('The database cannot be read.', cause)
}

/** It contains no value, except one that was not a number where the server expected one. */
function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
