import { connectionOptions, headerField, isFieldValue, trimBlanks } from './header-fields.ts'

/** The head of a response, without its hop-by-hop fields, and without those that the gateway states itself. */
export type ResponseHead = {
  readonly status: number
  readonly reason: string
  /** Names and values alternately, as received. */
  readonly headers: string[]
}

/** How the end of a body is found (RFC 9112, 6.3). */
type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' | 'until-close' }

export type ParsedHead = ResponseHead & {
  readonly framing: Framing
  /** How long the connection may be idle after this response and then be used again; 0 if it ends with the response. */
  readonly keepAliveMs: number
}

/** The bytes are not a valid HTTP/1.1 response, or one whose length is ambiguous. */
export class MalformedResponse extends Error {}

/** The space after the status is required even if there is no reason (RFC 9112, 4). */
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/

/** Parses the text up to `end`, where the empty line begins. */
export function parseHead(text: string, end: number, method: string): ParsedHead {
  const firstEnd = text.indexOf('\r\n')
  const [, minor, digits = '', reason = ''] = statusLine.exec(text.slice(0, firstEnd)) ?? []
  if (minor === undefined) throw new MalformedResponse('The first line is not a status line of HTTP/1.1.')
  const status = Number(digits)
  const fields = parseFields(text, firstEnd + 2, end + 2)
  const { isClose, nominated } = connectionOptions(fields.connection)
  const framing = framingOf(fields, method, status, minor)
  const isClosed = minor === '0' || isClose
  if (status < 200 && isClosed) throw new MalformedResponse('The connection ends with an interim response.')
  return {
    status,
    reason,
    headers: nominated === undefined ? fields.headers : withoutNominated(fields.headers, nominated),
    framing,
    keepAliveMs: isClosed || !isDelimited(fields, status) ? 0 : keepAliveMs(fields.keepAlive),
  }
}

type Fields = {
  readonly headers: string[]
  connection: string | undefined
  keepAlive: string | undefined
  length: string | undefined
  coding: string | undefined
}

function parseFields(text: string, start: number, end: number): Fields {
  const fields: Fields = {
    headers: [],
    connection: undefined,
    keepAlive: undefined,
    length: undefined,
    coding: undefined,
  }
  for (let at = start; at < end; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    const rawName = text.slice(at, colon)
    const field = colon < 0 || colon > lineEnd ? undefined : headerField(rawName)
    const value = trimBlanks(text, colon + 1, lineEnd)
    if (field === undefined || !isFieldValue(value))
      throw new MalformedResponse('A line of the head is not a header field.')
    if (!field.isHopByHop && !field.isOfServer) fields.headers.push(rawName, value)
    // Node takes a tab after the coding not for white space, but for a part of it.
    if (field.name === 'transfer-encoding' && text.slice(colon, lineEnd).includes('\t'))
      throw new MalformedResponse('There is a tab beside the transfer coding.')
    recordFraming(fields, field.name, value)
    at = lineEnd + 2
  }
  return fields
}

function recordFraming(fields: Fields, name: string, value: string): void {
  if (name === 'content-length') fields.length = rejectRepeated(fields.length, value)
  else if (name === 'transfer-encoding') fields.coding = rejectRepeated(fields.coding, value)
  else if (name === 'keep-alive') fields.keepAlive = value
  else if (name === 'connection')
    fields.connection = fields.connection === undefined ? value : `${fields.connection}, ${value}`
}

/** A repeated framing field makes the length of the body ambiguous, even with the same value. */
function rejectRepeated(before: string | undefined, value: string): string {
  if (before !== undefined) throw new MalformedResponse('The head states the length of the body twice.')
  return value
}

/** Content-Length is kept even if `Connection` names it: the client needs it. */
function withoutNominated(headers: readonly string[], nominated: ReadonlySet<string>): string[] {
  const isKept = (rawName: string) => {
    const name = rawName.toLowerCase()
    return name === 'content-length' || !nominated.has(name)
  }
  return headers.filter((_, at) => isKept(headers[at - (at % 2)] ?? ''))
}

/** How the length of the body is determined (RFC 9112, 6.3). */
function framingOf({ length, coding }: Fields, method: string, status: number, minor: string): Framing {
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new MalformedResponse('Content-Length is not a number.')
  if (coding !== undefined && (length !== undefined || minor === '0' || coding.toLowerCase() !== 'chunked'))
    throw new MalformedResponse('The transfer coding makes the length of the body ambiguous.')
  rejectContent(status, method, length, coding)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304)
    return { kind: 'length', bytes: 0 }
  if (coding !== undefined) return { kind: 'chunked' }
  return length === undefined ? { kind: 'until-close' } : { kind: 'length', bytes: Number(length) }
}

/**
 * Whether the end of the response does not depend on the end of the connection. A response to HEAD has the framing of that to
 * GET: without any, the upstream may close the connection.
 */
function isDelimited({ length, coding }: Fields, status: number): boolean {
  return length !== undefined || coding !== undefined || status === 204 || status === 304
}

/**
 * Rejects a body where there can be none, since parsers disagree on whether to read it: 1xx and 204 state no length (RFC 9110,
 * 8.6; RFC 9112, 6.1), and 205 has no content but is framed as other responses are (RFC 9110, 15.3.6), so it states 0.
 */
function rejectContent(
  status: number,
  method: string,
  length: string | undefined,
  coding: string | undefined,
): void {
  const isStated = length !== undefined || coding !== undefined
  if ((status < 200 || status === 204) && isStated)
    throw new MalformedResponse(`A response of status ${status} states the length of a body.`)
  if (status === 205 && method !== 'HEAD' && Number(length) !== 0)
    throw new MalformedResponse('A response of status 205 does not state that it has no content.')
}

/** Taken from the time that the upstream states, since it may close the connection while a request is on its way. */
const keepAliveMarginMs = 1_000

/** How long the upstream keeps the connection open, according to its `Keep-Alive` field, if it states a time. */
function keepAliveMs(field: string | undefined): number {
  if (field === undefined) return Number.POSITIVE_INFINITY
  if (field !== lastKeepAlive.field) lastKeepAlive = { field, ms: parseKeepAlive(field) }
  return lastKeepAlive.ms
}

/** A server states the same time again and again. */
let lastKeepAlive = { field: '', ms: Number.POSITIVE_INFINITY }

function parseKeepAlive(field: string): number {
  const [, seconds] = /(?:^|[\t ,;])timeout=(\d{1,9})/i.exec(field) ?? []
  if (seconds === undefined) return Number.POSITIVE_INFINITY
  return Math.max(0, Number(seconds) * 1_000 - keepAliveMarginMs)
}
