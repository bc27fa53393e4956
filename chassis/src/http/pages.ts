import type { FastifyRequest } from 'fastify'
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
      description: `The most rows of a page, ${pageSize} by default; a page of large rows has fewer.`,
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
type CursorKind = 'integer' | 'time' | 'guid'

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

/**
 * `Link: <…>; rel="next"` for the page after this one (RFC 8288): the path of the request, with its query but for the
 * cursor.
 */
export function linkToNextPage(request: FastifyRequest, cursor: string, parameter = 'cursor'): string {
  const target = request.url.replace(/^https?:\/\/[^/?]*/i, '')
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const members = mark < 0 ? [] : target.slice(mark + 1).split('&')
  const query = [
    ...members.filter((member) => member !== '' && !isNamed(member, parameter)),
    `${parameter}=${cursor}`,
  ].join('&')
  return `<${encodeUnsafe(`${path}?${query}`)}>; rel="next"`
}

function isNamed(member: string, parameter: string): boolean {
  const name = member.split('=', 1)[0] ?? ''
  return name === parameter || new URLSearchParams(name).has(parameter)
}

/** Escapes what would end the reference, or is no character of a URI. The bytes of a target are its characters. */
function encodeUnsafe(target: string): string {
  return target.replace(
    /[^\x21\x23-\x3b\x3d\x3f-\x7e]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
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
