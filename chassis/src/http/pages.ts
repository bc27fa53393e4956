import { Type } from 'typebox'
import { invalid } from '../errors/index.ts'
import type { WrongValueCode } from './validation.ts'

/** The default number of rows of a page. */
export const pageSize = 100

/** The query parameters of every list, to be spread into the query schema of a route. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: pageSize,
      description: `The most that a page holds; ${pageSize} by default.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'The position at which the page starts, taken from a Link header.',
    }),
  ),
}

/** A member of a cursor: a number of a row, a time in seconds or milliseconds, or 32 upper-case hexadecimal digits. */
export type CursorKind = 'integer' | 'time' | 'guid'

/** Makes an opaque cursor of the sort key of a page's last row. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/**
 * Reads a cursor whose key has members of these kinds. Refuses any other with `code`, and any other notation of the same key, so
 * that what reaches an engine is what `encodeCursor` has made.
 */
export function decodeCursor(
  cursor: string,
  kinds: readonly CursorKind[],
  code: WrongValueCode = 'invalid',
): (string | number)[] {
  const key = parse(cursor)
  const members: readonly unknown[] = Array.isArray(key) ? key : []
  const ofKind = members.filter((member, i) => isOfKind(member, kinds[i]))
  if (ofKind.length === kinds.length && encodeCursor(ofKind) === cursor) return ofKind
  throw invalid({ cursor: 'cursor must be one from a Link header of this list.' }, code)
}

/** `Link: <…>; rel="next"` for the page after this one (RFC 8288). */
export function linkToNextPage(requestUrl: string, cursor: string): string {
  const [path = '', query] = requestUrl.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `<${path}?${parameters}>; rel="next"`
}

function isOfKind(member: unknown, kind: CursorKind | undefined): member is string | number {
  if (kind === 'guid') return typeof member === 'string' && /^[0-9A-F]{32}$/.test(member)
  const isInteger = typeof member === 'number' && Number.isSafeInteger(member)
  return isInteger && (kind === 'time' ? Math.abs(member) <= timeMax : member >= 0)
}

/** The range of times that JavaScript has (ECMA-262, 21.4.1.1). */
const timeMax = 8.64e15

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}
