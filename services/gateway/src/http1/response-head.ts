import { headerField, nominatedFields } from './header-fields.ts'

/** The head of a response, without its hop-by-hop fields. */
export type ResponseHead = {
  readonly status: number
  readonly reason: string
  /** Names and values alternately, as received. */
  readonly headers: string[]
}

/** How the end of a body is found (RFC 9112, 6.3). */
export type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' | 'until-close' }

export type ParsedHead = ResponseHead & { readonly framing: Framing; readonly isPersistent: boolean }

/** The bytes are not a valid HTTP/1.1 response, or one whose length is ambiguous. */
export class MalformedResponse extends Error {}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
/** Control characters, bare CR and bare LF, after which some parsers would begin another field. */
const invalidCharacter = /[^\t\x20-\x7e\x80-\xff]/

/** Parses the text up to `end`, where the empty line begins. */
export function parseHead(text: string, end: number, method: string): ParsedHead {
  const firstEnd = text.indexOf('\r\n')
  const [, minor, status = '', reason = ''] = statusLine.exec(text.slice(0, firstEnd)) ?? []
  if (minor === undefined) throw new MalformedResponse('The first line is not a status line of HTTP/1.1.')
  const fields = parseFields(text, firstEnd + 2, end + 2)
  return {
    status: Number(status),
    reason,
    headers: fields.headers,
    framing: framingOf(fields, method, Number(status), minor),
    isPersistent: minor === '1' && !/(?:^|,)\s*close\s*(?:,|$)/i.test(fields.connection ?? ''),
  }
}

type Fields = {
  readonly headers: string[]
  connection: string | undefined
  length: string | undefined
  coding: string | undefined
}

function parseFields(text: string, start: number, end: number): Fields {
  const fields: Fields = { headers: [], connection: undefined, length: undefined, coding: undefined }
  for (let at = start; at < end; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    const rawName = text.slice(at, colon)
    const field = colon < 0 || colon > lineEnd ? undefined : headerField(rawName)
    const value = trimmed(text, colon + 1, lineEnd)
    if (field === undefined || invalidCharacter.test(value))
      throw new MalformedResponse('A line of the head is not a header field.')
    if (!field.isHopByHop) fields.headers.push(rawName, value)
    recordFraming(fields, field.name, value)
    at = lineEnd + 2
  }
  return withoutNominated(fields)
}

function recordFraming(fields: Fields, name: string, value: string): void {
  if (name === 'content-length') fields.length = rejectRepeated(fields.length, value)
  else if (name === 'transfer-encoding') fields.coding = rejectRepeated(fields.coding, value)
  else if (name === 'connection')
    fields.connection = fields.connection === undefined ? value : `${fields.connection}, ${value}`
}

/** A repeated framing field makes the length of the body ambiguous, even with the same value. */
function rejectRepeated(before: string | undefined, value: string): string {
  if (before !== undefined) throw new MalformedResponse('The head states the length of the body twice.')
  return value
}

/** Removes spaces and tabs at both ends; `trim` would also remove bytes that are significant in other encodings. */
function trimmed(text: string, start: number, end: number): string {
  let first = start
  let last = end
  while (first < last && isBlank(text.charCodeAt(first))) first += 1
  while (last > first && isBlank(text.charCodeAt(last - 1))) last -= 1
  return text.slice(first, last)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Content-Length is kept even if `Connection` names it: the client needs it. */
function withoutNominated(fields: Fields): Fields {
  const nominated = nominatedFields(fields.connection)
  if (nominated === undefined) return fields
  const { headers } = fields
  const isKept = (rawName: string) => {
    const name = rawName.toLowerCase()
    return name === 'content-length' || !nominated.has(name)
  }
  return { ...fields, headers: headers.filter((_, at) => isKept(headers[at - (at % 2)] ?? '')) }
}

/** How the length of the body is determined (RFC 9112, 6.3). */
function framingOf({ length, coding }: Fields, method: string, status: number, minor: string): Framing {
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new MalformedResponse('Content-Length is not a number.')
  if (coding !== undefined && (length !== undefined || minor === '0' || coding.toLowerCase() !== 'chunked'))
    throw new MalformedResponse('The transfer coding makes the length of the body ambiguous.')
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', bytes: 0 }
  if (coding !== undefined) return { kind: 'chunked' }
  return length === undefined ? { kind: 'until-close' } : { kind: 'length', bytes: Number(length) }
}
