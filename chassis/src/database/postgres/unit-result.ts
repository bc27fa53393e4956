import { deadlineExceeded } from '../pending-unit.ts'
import { resultOf } from '../compact-result.ts'
import type { CompactResult } from '../compact-result.ts'
import type { Outcome } from '../port.ts'
import { deadlineState, missingRowState } from './unit-function.ts'

/** A statement of a unit that failed within a batch. */
export class UnitError extends Error {
  readonly state: string

  constructor(message: string, state: string) {
    super(message)
    this.name = 'UnitError'
    this.state = state
  }
}

/**
 * What the function returns of a unit, as JSON: a result for each step, the index of the step that refused it, or the error.
 * Whole numbers, texts and booleans are exact; a statement must cast anything else to text.
 */
type UnitJson = CompactResult[] | number | { state: string; message: string }

export function parseUnitResult(text: string): Outcome | Error {
  const known = outcomes.get(text)
  if (known !== undefined) return known
  const json: UnitJson = largeNumber.test(text) ? JSON.parse(text, reviveExactly) : JSON.parse(text)
  if (typeof json === 'object' && 'state' in json) return errorOf(json)
  const outcome =
    typeof json === 'number' ? { failedStatement: json, results: [] } : { results: json.map(resultOf) }
  if (text.length <= outcomeLengthMax && outcomes.size < outcomesMax) outcomes.set(text, outcome)
  return outcome
}

/** The outcome of a unit all of whose statements affected one row. */
export function outcomeOfOnes(statements: number): Outcome {
  return { results: Array.from({ length: statements }, () => resultOf(1)) }
}

/** Most units of a shape have the same outcome. */
const outcomes = new Map<string, Outcome>()
const outcomesMax = 1_000
const outcomeLengthMax = 15

function errorOf({ state, message }: { state: string; message: string }): Error {
  if (state === deadlineState) return deadlineExceeded()
  if (state === missingRowState)
    return new TypeError('A statement refers to a row that no earlier one returned.')
  return new UnitError(message, state)
}

/** Where a number may be too large for a JavaScript number. */
const largeNumber = /\d{16}/

function reviveExactly(_: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isWhole = typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source)
  return isWhole && !Number.isSafeInteger(value) ? BigInt(source) : value
}
