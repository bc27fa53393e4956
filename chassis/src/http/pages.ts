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

/** Makes an opaque cursor of the sort key of a page's last row. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** Reads a cursor whose key has members of these types, each number a whole one; refuses any other with `code`. */
export function decodeCursor(
  cursor: string,
  types: readonly ('string' | 'number')[],
  code: WrongValueCode = 'invalid',
): (string | number)[] {
  const key = parse(cursor)
  const members = Array.isArray(key) ? key : []
  const valid = members.length === types.length && types.every((type, i) => isOfType(members[i], type))
  if (!valid) throw invalid({ cursor: 'cursor must be one from a Link header of this list.' }, code)
  return members
}

/** `Link: <…>; rel="next"` for the page after this one (RFC 8288). */
export function linkToNextPage(requestUrl: string, cursor: string): string {
  const [path = '', query] = requestUrl.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `<${path}?${parameters}>; rel="next"`
}

function isOfType(member: unknown, type: 'string' | 'number'): boolean {
  return type === 'number' ? Number.isSafeInteger(member) : typeof member === 'string'
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}
