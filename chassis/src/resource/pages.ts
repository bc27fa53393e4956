import { decodeCursor, encodeCursor, linkToNextPage, pageSize, sendJson } from '../http/index.ts'
import type { FastifyReply, FastifyRequest, WrongValueCode } from '../http/index.ts'

/** The rows after a position, in the order of a number of each row, such as its id. */
export type Page = { after: number; limit: number }

/** The parameters of a query for a page. */
export type PageQuery = { cursor?: string; limit?: number }

/** The page of a query; without a cursor it starts after `start`. A malformed cursor is refused with `code`. */
export function readPage(
  { cursor, limit = pageSize }: PageQuery,
  { start = 0, code = 'invalid' }: { start?: number; code?: WrongValueCode } = {},
): Page {
  return { after: cursor === undefined ? start : Number(decodeCursor(cursor, ['integer'], code)[0]), limit }
}

/** A page ends with the row that exceeds this, in UTF-16 code units: thousands of large rows would delay all other requests. */
function pageLengthMax(limit: number): number {
  return Math.max(1_048_576, limit * 4_096)
}

/**
 * A page as text that can be cached: the cursor of the next page on the first line, empty if this page is not full, then the
 * JSON array.
 */
export function pageText<Row>(
  rows: readonly Row[],
  limit: number,
  textOf: (row: Row) => string,
  keyOf: (row: Row) => readonly (string | number)[],
): string {
  const texts: string[] = []
  const lengthMax = pageLengthMax(limit)
  let length = 0
  for (const row of rows) {
    if (length > lengthMax) break
    const text = textOf(row)
    texts.push(text)
    length += text.length
  }
  const last = rows.length === limit || texts.length < rows.length ? rows[texts.length - 1] : undefined
  return `${last === undefined ? '' : encodeCursor(keyOf(last))}\n[${texts.join(',')}]`
}

/** The same for rows in the order of their ids. */
export function rowsText<Row extends { id: number }>(
  rows: readonly Row[],
  limit: number,
  textOf: (row: Row) => string,
): string {
  return pageText(rows, limit, textOf, ({ id }) => [id])
}

/** Sends a page, with a Link to the next one. */
export function sendPage(request: FastifyRequest, reply: FastifyReply, text: string): void {
  const end = text.indexOf('\n')
  if (end > 0) reply.header('link', linkToNextPage(request, text.slice(0, end)))
  sendJson(reply, text.slice(end + 1))
}
