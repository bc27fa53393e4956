import { isUtf8 } from 'node:buffer'
import { AppError } from '@quintet/chassis/errors'

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
 * Parses JSON with every number as it is written, since a number of the language would be rounded. Refuses what is no JSON,
 * and members that would become part of an object's prototype.
 */
export function parseExactJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new AppError('malformed', 'The body is empty where JSON was expected.')
  if (!isUtf8(bytes)) throw new AppError('malformed', 'The body is not well-formed UTF-8.')
  try {
    return JSON.parse(bytes.toString().replace(/^\uFEFF/, ''), exactly)
  } catch (error) {
    if (error instanceof AppError) throw error
    // One that is nested too deeply is a RangeError; all others are SyntaxErrors.
    throw new AppError('malformed', 'The body is not well-formed JSON.')
  }
}

/** A number with this exact notation, for `JSON.stringify`. */
export function exactNumber(notation: string): RawNumber {
  return JSON.rawJSON(notation)
}

export function isExactNumber(value: unknown): value is RawNumber {
  return JSON.isRawJSON(value)
}

function exactly(key: string, value: unknown, { source }: { source?: string }): unknown {
  if (key === '__proto__' || (key === 'constructor' && isObject(value) && 'prototype' in value))
    throw new AppError('malformed', `The body has a member that is not allowed: ${key}.`)
  return typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
