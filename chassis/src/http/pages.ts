import { Type } from 'typebox'
import { invalid } from '../errors/index.ts'

/** The query members that every list takes: spread them into the query schema of a route. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 100,
      description: 'How many at most on a page; 100 unless told.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'Where the page begins: opaque, taken from a Link header.',
    }),
  ),
}

/** Makes an opaque cursor of the sort key of a page's last row. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** Reads a cursor whose key has members of these types, or refuses it as invalid. */
export function decodeCursor(cursor: string, types: readonly ('string' | 'number')[]): (string | number)[] {
  const key = parse(cursor)
  const members = Array.isArray(key) ? key : []
  const valid = members.length === types.length && types.every((type, i) => typeof members[i] === type)
  if (!valid) throw invalid({ cursor: 'cursor must be one that this list gave in a Link header.' })
  return members
}

/** `Link: <…>; rel="next"` for the page after this one (RFC 8288). */
export function linkToNextPage(requestUrl: string, cursor: string): string {
  const [path = '', query] = requestUrl.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `<${path}?${parameters}>; rel="next"`
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}
