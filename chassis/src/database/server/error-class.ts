import { AppError, dependencyDown } from '../../errors/index.ts'

/** What the failure of a statement means for who asked for it, whichever server told it. */
export type ErrorClass = 'invalid' | 'retryable' | 'not_applied' | 'ambiguous'

/** What a unit rejects with, when it is not tried again. */
export function commitError(failure: ErrorClass, cause: unknown): Error {
  if (failure === 'retryable')
    return new AppError('overloaded', 'Too many concurrent changes to this resource; retry.', { cause })
  if (failure === 'invalid')
    return new Error(`The database refused a statement: ${messageOf(cause)}`, { cause })
  if (failure === 'not_applied') return dependencyDown('The database cannot be written.', cause)
  return new AppError('outcome_unknown', 'The database did not say whether the change was made.', { cause })
}

/** What a read rejects with. */
export function readError(failure: ErrorClass, cause: unknown): Error {
  return failure === 'invalid'
    ? new Error('The database refused a query.', { cause })
    : dependencyDown('The database cannot be read.', cause)
}

/** It holds no value, but for one that was no number where the server wanted one. */
function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
