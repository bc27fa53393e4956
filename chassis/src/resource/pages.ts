import { setImmediate as nextTurn } from 'node:timers/promises'
import { decodeCursor, encodeCursor, linkToNextPage, pageSize, sendJson } from '../http/index.ts'
import type { FastifyReply, FastifyRequest, WrongValueCode } from '../http/index.ts'
import type { Found, Page, Step } from './rows.ts'

const limits = {
  /** A page ends with the row with which its JSON has this many bytes. */
  pageBytesMax: 524_288,
  /** What is read, and what is encoded, in one turn of the event loop: about a millisecond's worth. */
  stepBytesMax: 65_536,
  stepRowsMax: 250,
  /** After this time a search ends its page where it is: half of what the gateway waits for the response to begin. */
  searchMs: 4_000,
}

/** The parameters of a query for a page. */
export type PageQuery = { cursor?: string; limit?: number }

/** Reads the next rows, up to the size of a step. Rows that may be large have their size in a member `bytes`, as the engine has counted it. */
type Read<Row, Position> = {
  read(after: Position, step: Step): readonly Row[] | Promise<readonly Row[]>
}

/** Makes a step of a search, which looks at a bounded number of rows and may find none of them. */
type Search<Row, Position> = {
  search(after: Position, step: Step): Promise<Found<Row, Position>>
  /**
   * Where rows are left out that the client may not read: a position for the next page that is not of such a row, after the row last
   * `shown` and not after what the search has `reached`; undefined if there is none. Without this function it is what the search has
   * reached.
   */
  resumeAt?(reached: Position, shown: Position): Position | undefined
}

/** What a page is made of. */
type List<Row extends object, Position> = (Read<Row, Position> | Search<Row, Position>) & {
  /** The most rows of the page. */
  readonly limit: number
  /** The page has the rows after this position. */
  readonly start: Position
  /** The JSON of a row; undefined for one that is left out. */
  textOf(row: Row): string | undefined
  positionOf(row: Row): Position
  /** The notation of a position in the address of the next page. */
  cursorOf(position: Position): string
}

/**
 * When a page is made: `begin` resolves for its first step, unless that may be made at once, and `next` for each further one; `search`
 * makes a step of a search, which ends its page when it `isLate`.
 */
type Turns = {
  begin(): Promise<void> | undefined
  next(): Promise<void>
  search<R>(step: () => Promise<R>): Promise<R>
  isLate(): boolean
}

/** The turns of a page that many requests share. */
export const sharedTurns: Turns = {
  begin: () => undefined,
  next: () => nextTurn(),
  search: (step) => step(),
  isLate: () => false,
}

/** The page of a query; without a cursor it starts after `start`. A malformed cursor is refused with `code`. */
export function readPage(
  { cursor, limit = pageSize }: PageQuery,
  { start = 0, code = 'invalid' }: { start?: number; code?: WrongValueCode } = {},
): Page {
  return { after: cursor === undefined ? start : Number(decodeCursor(cursor, ['integer'], code)[0]), limit }
}

type RowParts<Row> = { textOf(row: Row): string; numberOf(row: Row): number }

/** The list of rows in the order of a number of each. */
export function rowList<Row extends object>(
  page: Page,
  parts: RowParts<Row> & { read(page: Page & Step): readonly Row[] | Promise<readonly Row[]> },
): List<Row, number> {
  return { ...inOrder(page, parts), read: (after, step) => parts.read({ after, ...step }) }
}

/** The list of the rows that a search finds, in the order of a number of each. */
export function searchList<Row extends object>(
  page: Page,
  parts: RowParts<Row> & { search(page: Page & Step): Promise<Found<Row, number>> },
): List<Row, number> {
  return { ...inOrder(page, parts), search: (after, step) => parts.search({ after, ...step }) }
}

function inOrder<Row>({ after, limit }: Page, { textOf, numberOf }: RowParts<Row>) {
  const cursorOf = (position: number) => encodeCursor([position])
  return { limit, start: after, textOf, positionOf: numberOf, cursorOf }
}

/**
 * A page as text that can be cached: the cursor of the next page on the first line, empty where the rows have ended before the
 * page was full, then the JSON array. It is read and encoded in steps, so that a page of large rows neither holds the event loop
 * nor reads what it does not send.
 */
export async function pageText<Row extends object, Position>(
  list: List<Row, Position>,
  turns: Turns,
): Promise<string> {
  const { limit, start, textOf, positionOf, cursorOf } = list
  const texts: string[] = []
  let [after, shown, count, bytes, stepBytes] = [start, start, 0, 0, 0]
  const turn = turns.begin()
  if (turn !== undefined) await turn
  for (;;) {
    const step = { limit: Math.min(limits.stepRowsMax, limit - count), bytesMax: limits.stepBytesMax }
    const isSearch = 'search' in list
    const { rows, reached } = isSearch
      ? await turns.search(() => list.search(after, step))
      : foundBy(list, await list.read(after, step), step)
    // A server may respond to many reads at once.
    if (count === 0 && weightOf(rows) > limits.stepBytesMax / 4) await turns.begin()
    for (const row of rows) {
      if (stepBytes >= limits.stepBytesMax) {
        await turns.next()
        stepBytes = 0
      }
      const text = textOf(row)
      count += 1
      after = positionOf(row)
      shown = after
      if (text === undefined) continue
      texts.push(text)
      const length = Buffer.byteLength(text)
      stepBytes += length
      bytes += length
      if (bytes >= limits.pageBytesMax) break
    }
    if (count >= limit || bytes >= limits.pageBytesMax) return `${cursorOf(after)}\n[${texts.join(',')}]`
    if (reached === undefined) return `\n[${texts.join(',')}]`
    after = reached
    if (!isSearch) await turns.next()
    else if (turns.isLate()) {
      const next = list.resumeAt === undefined ? after : (list.resumeAt(after, shown) ?? shown)
      // Without a later position the next page would be this one.
      if (next !== start) return `${cursorOf(next)}\n[${texts.join(',')}]`
    }
    stepBytes = 0
  }
}

/** What a read has found: there are no rows after fewer ones than the step may have. */
function foundBy<Row extends object, Position>(
  { positionOf }: { positionOf(row: Row): Position },
  rows: readonly Row[],
  { limit, bytesMax }: Step,
): Found<Row, Position> {
  const last = rows.at(-1)
  const isEnd = last === undefined || (rows.length < limit && weightOf(rows) < bytesMax)
  return { rows, reached: isEnd ? undefined : positionOf(last) }
}

function weightOf(rows: readonly object[]): number {
  let bytes = 0
  for (const row of rows) if ('bytes' in row) bytes += Number(row.bytes ?? 0)
  return bytes
}

/** Sends a page of rows in the order of their ids. The first one of the usual size is cached by `firstPage`, if there is one. */
export async function sendRows<Row extends { id: number }>(
  request: FastifyRequest<{ Querystring: PageQuery }>,
  reply: FastifyReply,
  parts: {
    read(page: Page & Step): readonly Row[] | Promise<readonly Row[]>
    textOf(row: Row): string
    firstPage?: ((read: () => Promise<string>) => Promise<string>) | undefined
  },
): Promise<void> {
  const { read, textOf, firstPage } = parts
  const page = readPage(request.query)
  const list = rowList(page, { read, textOf, numberOf: ({ id }) => id })
  const isFirst = page.after === 0 && page.limit === pageSize
  if (firstPage === undefined || !isFirst) return sendList(request, reply, list)
  return sendPage(request, reply, await firstPage(() => pageText(list, sharedTurns)))
}

/** Makes a page and sends it, in its turn among others. `parameter` is that of the query which has the cursor. */
export async function sendList<Row extends object, Position>(
  request: FastifyRequest,
  reply: FastifyReply,
  list: List<Row, Position>,
  parameter = 'cursor',
): Promise<void> {
  const { listTurns } = request.server
  const turns: Turns = {
    begin: () => listTurns.begin(request, reply),
    next: () => listTurns.next(request, reply),
    search: (step) => listTurns.search(request, reply, step),
    isLate: () => reply.elapsedTime >= limits.searchMs,
  }
  await sendPage(request, reply, await pageText(list, turns), parameter)
}

/** Sends a page that `pageText` made, with a Link to the next one, unless its time is over. */
async function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
  parameter = 'cursor',
): Promise<void> {
  if (text.length > limits.stepBytesMax) await request.server.listTurns.next(request, reply)
  // Its time may have been over during the last read.
  if (reply.sent) return
  const end = text.indexOf('\n')
  if (end > 0) reply.header('link', linkToNextPage(request, text.slice(0, end), parameter))
  sendJson(reply, text.slice(end + 1))
}
