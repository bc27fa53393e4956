import { AppError } from '../errors/index.ts'
import { plainNumber } from './plain-number.ts'

declare global {
  /** JavaScript's functions for exact numbers in JSON, which the type library lacks. */
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
    ): unknown
    rawJSON(text: string): RawNumber
    isRawJSON(value: unknown): value is RawNumber
  }
}

/** A JSON number in its notation, which `JSON.stringify` writes unchanged. */
export type RawNumber = { readonly rawJSON: string }

/**
 * Parses JSON with `numberOf` applied to the notation of each number; without it, a number is its value in plain decimal, as text.
 * A JavaScript number has about 15 digits, and silently drops the rest. Throws `malformed` for text that is not JSON.
 */
export function parseExactJson(text: string, numberOf: (notation: string) => unknown = plainNumber): unknown {
  if (text === '') throw new AppError('malformed', 'The body is empty where JSON was expected.')
  const json = text.startsWith('\uFEFF') ? text.slice(1) : text
  try {
    return mayHaveNumber.test(json) ? JSON.parse(json, reviver(numberOf)) : JSON.parse(json)
  } catch (error) {
    const isTooDeep = error instanceof RangeError
    throw new AppError(
      'malformed',
      `The body is ${isTooDeep ? 'nested too deeply' : 'not well-formed JSON'}.`,
    )
  }
}

/** Searching for anything that may start a number costs a tenth of a reviver that is called for every value. */
const mayHaveNumber = /(?:^|[:,[])\s*[-\d]/

function reviver(numberOf: (notation: string) => unknown) {
  return (_key: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === 'number' && source !== undefined ? numberOf(source) : value
}
