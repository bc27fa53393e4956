import { AppError, dependencyDown } from '../errors/index.ts'
import type { Outcome, Statement } from './port.ts'

/** More units than this do not wait for an engine. */
export const unitsPendingMax = 20_000

/** A unit whose outcome is not known yet. */
export type PendingUnit = {
  readonly unit: readonly Statement[]
  /** The deadline; Infinity for none. */
  readonly before: number
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** Reports the outcome; a unit whose failed statement makes an error rejects with that. */
export function settle({ unit, resolve, reject }: PendingUnit, outcome: Outcome): void {
  const { failedStatement } = outcome
  const mustAffectRows = failedStatement === undefined ? undefined : unit[failedStatement]?.mustAffectRows
  if (typeof mustAffectRows === 'function') reject(mustAffectRows())
  else resolve(outcome)
}

/** Rejects the units whose deadline has passed; returns the others. */
export function rejectLate<Unit extends PendingUnit>(units: Unit[]): Unit[] {
  if (!units.some(isLate)) return units
  return units.filter((unit) => {
    const late = isLate(unit)
    if (late) unit.reject(deadlineExceeded())
    return !late
  })
}

function isLate({ before }: PendingUnit): boolean {
  return before !== Number.POSITIVE_INFINITY && performance.now() >= before
}

export function deadlineExceeded(): AppError {
  return new AppError('overloaded', 'The write came too late and was not made.')
}

export function tooManyUnits(): AppError {
  return new AppError('overloaded', 'Too many writes are waiting.')
}

/** For a unit that was not applied. */
export function cannotWrite(cause: unknown): AppError {
  return dependencyDown('The database cannot be written.', cause)
}

/** For a unit that may have been applied. */
export function unknownOutcome(cause: unknown): AppError {
  return new AppError('outcome_unknown', 'The database did not confirm whether the change was made.', {
    cause,
  })
}
