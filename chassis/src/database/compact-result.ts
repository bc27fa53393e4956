import type { Result, Row } from './port.ts'

/** A result in its transport form: the rows that a statement returned, or how many it affected. */
export type CompactResult = number | Row[]

export function resultOf(result: CompactResult): Result {
  return typeof result === 'number'
    ? { rows: noRows, changes: result }
    : { rows: result, changes: result.length }
}

const noRows: readonly Row[] = []
