import { decodeCursor, encodeCursor, linkToNextPage, sendJson } from '../http/index.ts'
import type { FastifyReply, FastifyRequest } from '../http/index.ts'

/** How many rows a page has when the request does not say. */
export const pageSize = 100

/** A page of rows in the order of a number that each has, such as its id: those after this one. */
export type Page = { after: number; limit: number }

/** The page that a query names; without a cursor it starts after `start`. */
export function readPage({ cursor, limit = pageSize }: { cursor?: string; limit?: number }, start = 0): Page {
  return { after: cursor === undefined ? start : Number(decodeCursor(cursor, ['number'])[0]), limit }
}

/**
 * A page as text of two lines, so that it can be cached: the cursor of the page after this one, empty when there is none, and
 * the JSON array. A full page may have another after it.
 */
export function pageText<Row>(
  rows: readonly Row[],
  limit: number,
  textOf: (row: Row) => string,
  keyOf: (row: Row) => readonly (string | number)[],
): string {
  const last = rows.length === limit ? rows.at(-1) : undefined
  return `${last === undefined ? '' : encodeCursor(keyOf(last))}\n[${rows.map(textOf).join(',')}]`
}

/** Sends a page with the Link to the next one, below `url`, the request's own unless given. */
export function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
  url = request.url,
): void {
  const end = text.indexOf('\n')
  if (end > 0) reply.header('link', linkToNextPage(url, text.slice(0, end)))
  sendJson(reply, text.slice(end + 1))
}
