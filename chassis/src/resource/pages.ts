import { setImmediate as nextTurn } from 'node:timers/promises'
import { decodeCursor, encodeCursor, linkToNextPage, pageSize, sendJson } from '../http/index.ts'
import type { FastifyReply, FastifyRequest, WrongValueCode } from '../http/index.ts'
import type { Page, Step } from './rows.ts'

const limits = {
  /** A page ends with the row with which its JSON has this many bytes. */
  pageBytesMax: 524_288,
  /** What is read, and what is encoded, in one turn of the event loop: about a millisecond's worth. */
  stepBytesMax: 65_536,
  stepRowsMax: 250,
}

/** The parameters of a query for a page. */
export type PageQuery = { cursor?: string; limit?: number }

/** What a page is made of. Rows that may be large have their size in a member `bytes`, as the engine has counted it. */
type List<Row extends object, Position> = {
  /** The most rows of the page. */
  readonly limit: number
  /** The page has the rows after this position. */
  readonly start: Position
  read(after: Position, step: Step): readonly Row[] | Promise<readonly Row[]>
  /** The JSON of a row; undefined for one that is left out. */
  textOf(row: Row): string | undefined
  positionOf(row: Row): Position
  /** The notation of a position in the address of the next page. */
  cursorOf(position: Position): string
}

/** When a page is made: `begin` resolves for its first step, unless that may be made at once, and `next` for each further one. */
type Turns = { begin(): Promise<void> | undefined; next(): Promise<void> }

/** The turns of a page that many requests share. */
export const sharedTurns: Turns = { begin: () => undefined, next: () => nextTurn() }

/** The page of a query; without a cursor it starts after `start`. A malformed cursor is refused with `code`. */
export function readPage(
  { cursor, limit = pageSize }: PageQuery,
  { start = 0, code = 'invalid' }: { start?: number; code?: WrongValueCode } = {},
): Page {
  return { after: cursor === undefined ? start : Number(decodeCursor(cursor, ['integer'], code)[0]), limit }
}

/** The list of rows in the order of a number of each. */
export function rowList<Row extends object>(
  { after, limit }: Page,
  parts: {
    read(page: Page & Step): readonly Row[] | Promise<readonly Row[]>
    textOf(row: Row): string
    numberOf(row: Row): number
  },
): List<Row, number> {
  return {
    limit,
    start: after,
    read: (position, step) => parts.read({ after: position, ...step }),
    textOf: parts.textOf,
    positionOf: parts.numberOf,
    cursorOf: (position) => encodeCursor([position]),
  }
}

/**
 * A page as text that can be cached: the cursor of the next page on the first line, empty where the rows have ended before the
 * page was full, then the JSON array. It is read and encoded in steps, so that a page of large rows neither holds the event loop
 * nor reads what it does not send.
 */
export async function pageText<Row extends object, Position>(
  { limit, start, read, textOf, positionOf, cursorOf }: List<Row, Position>,
  { begin, next }: Turns,
): Promise<string> {
  const texts: string[] = []
  let [after, count, bytes, stepBytes] = [start, 0, 0, 0]
  const turn = begin()
  if (turn !== undefined) await turn
  for (;;) {
    const step = { limit: Math.min(limits.stepRowsMax, limit - count), bytesMax: limits.stepBytesMax }
    const rows = await read(after, step)
    // A server may respond to many reads at once.
    if (count === 0 && weightOf(rows) > limits.stepBytesMax / 4) await begin()
    for (const row of rows) {
      if (stepBytes >= limits.stepBytesMax) {
        await next()
        stepBytes = 0
      }
      const text = textOf(row)
      count += 1
      after = positionOf(row)
      if (text === undefined) continue
      texts.push(text)
      const length = Buffer.byteLength(text)
      stepBytes += length
      bytes += length
      if (bytes >= limits.pageBytesMax) break
    }
    if (count >= limit || bytes >= limits.pageBytesMax) return `${cursorOf(after)}\n[${texts.join(',')}]`
    if (isEnd(rows, step)) return `\n[${texts.join(',')}]`
    await next()
    stepBytes = 0
  }
}

/** Whether there are no rows after those of a step. */
function isEnd(rows: readonly object[], { limit, bytesMax }: Step): boolean {
  return rows.length < limit && weightOf(rows) < bytesMax
}

function weightOf(rows: readonly object[]): number {
  let bytes = 0
  for (const row of rows) if ('bytes' in row) bytes += Number(row.bytes ?? 0)
  return bytes
}

/** Makes a page and sends it, in its turn among others. `parameter` is that of the query which has the cursor. */
export async function sendList<Row extends object, Position>(
  request: FastifyRequest,
  reply: FastifyReply,
  list: List<Row, Position>,
  parameter = 'cursor',
): Promise<void> {
  const { listTurns } = request.server
  const turns = { begin: () => listTurns.begin(request), next: () => listTurns.next(request, reply) }
  await sendPage(request, reply, await pageText(list, turns), parameter)
}

/** Sends a page that `pageText` made, with a Link to the next one. */
export async function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
  parameter = 'cursor',
): Promise<void> {
  if (text.length > limits.stepBytesMax) await request.server.listTurns.next(request, reply)
  const end = text.indexOf('\n')
  if (end > 0) reply.header('link', linkToNextPage(request, text.slice(0, end), parameter))
  sendJson(reply, text.slice(end + 1))
}
