import { AppError } from '../errors/index.ts'

declare global {
  /** What the language has for exact numbers in JSON, and the compiler's library does not know yet. */
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
    ): unknown
    rawJSON(text: string): RawNumber
    isRawJSON(value: unknown): value is RawNumber
  }
}

/** A JSON number as it is written. `JSON.stringify` writes it as it stands. */
export type RawNumber = { readonly rawJSON: string }

/**
 * Parses JSON with each number as `numberOf` makes it of its notation, which is the notation itself unless it is given: a
 * number of the language keeps some 15 digits, and lets the others go without a word. Throws `malformed` for what is no
 * JSON, and for members that would become part of an object's prototype.
 */
export function parseExactJson(text: string, numberOf: (notation: string) => unknown = String): unknown {
  if (text === '') throw new AppError('malformed', 'The body is empty where JSON was expected.')
  const json = text.startsWith('\uFEFF') ? text.slice(1) : text
  try {
    return needsCare.test(json) ? JSON.parse(json, reviver(numberOf)) : JSON.parse(json)
  } catch (error) {
    if (error instanceof AppError) throw error
    // One that is nested too deeply is a RangeError; all others are SyntaxErrors.
    throw new AppError('malformed', 'The body is not well-formed JSON.')
  }
}

/**
 * Looking for what can only begin a number, or stands in a string, and for the names that are refused, however they are
 * spelt, costs a tenth of asking about every value.
 */
const needsCare = /(?:^|[:,[])\s*[-\d]|__proto__|constructor|\\u/

function reviver(numberOf: (notation: string) => unknown) {
  return (key: string, value: unknown, { source }: { source?: string }): unknown => {
    if (key === '__proto__' || (key === 'constructor' && isObject(value) && 'prototype' in value))
      throw new AppError('malformed', `The body has a member that is not allowed: ${key}.`)
    return typeof value === 'number' && source !== undefined ? numberOf(source) : value
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
