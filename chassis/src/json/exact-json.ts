import { AppError } from '../errors/index.ts'
import { plainNumber } from './plain-number.ts'

declare global {
  /** The language's functions for exact numbers in JSON, which the compiler's library lacks. */
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
 * Parses JSON with `numberOf` applied to the notation of each number; without it, a number is its value in plain decimal, as
 * text. A number of the language has about 15 digits, and silently drops the rest. Throws `malformed` for text that is not JSON, or has too many values.
 */
export function parseExactJson(text: string, numberOf: (notation: string) => unknown = plainNumber): unknown {
  if (text === '') throw new AppError('malformed', 'The body is empty where JSON was expected.')
  const json = text.startsWith('\uFEFF') ? text.slice(1) : text
  if (hasTooManyValues(json))
    throw new AppError('malformed', `The body has more than ${valuesMax.toLocaleString('en')} values.`)
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

/** Each number takes microseconds: a hundred thousand would hold up everybody for half a second. */
const valuesMax = 10_000

/** Counts what stands before values: commas and opening brackets outside of strings. */
function hasTooManyValues(text: string): boolean {
  if (text.length <= valuesMax) return false
  let values = 1
  let isInString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === quote) isInString = !isInString
    else if (isInString) at += character === backslash ? 1 : 0
    else if (character === comma || character === bracket || character === brace) values += 1
  }
  return values > valuesMax
}

const [quote, backslash, comma, bracket, brace] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b]

/** Searching for anything that may start a number costs a tenth of a reviver that is called for every value. */
const mayHaveNumber = /(?:^|[:,[])\s*[-\d]/

function reviver(numberOf: (notation: string) => unknown) {
  return (_key: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === 'number' && source !== undefined ? numberOf(source) : value
}
