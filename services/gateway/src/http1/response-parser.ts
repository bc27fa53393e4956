import { headerField, nominatedFields } from './header-fields.ts'

/** The head of a response, without its hop-by-hop fields. */
export type ResponseHead = {
  readonly status: number
  readonly reason: string
  /** Names and values alternately, as received. */
  readonly headers: string[]
}

/** Receives a response as it arrives. */
export type ResponseListener = {
  /** `whole` is the complete body as latin1 text if it arrived together with the head; then no other call follows. */
  onHead(head: ResponseHead, whole: string | undefined): void
  onBody(chunk: Buffer): void
  onEnd(): void
}

/** The bytes are not a valid HTTP/1.1 response, or one whose length is ambiguous. */
export class MalformedResponse extends Error {}

const limits = {
  headBytesMax: 16_384,
  chunkLineBytesMax: 1_024,
  trailerBytesMax: 16_384,
  interimResponsesMax: 10,
}

type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' | 'until-close' }
type Phase =
  | 'idle'
  | 'head'
  | 'length'
  | 'until-close'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailer'
type ParsedHead = ResponseHead & { readonly framing: Framing; readonly isPersistent: boolean }

export type ResponseParser = ReturnType<typeof createResponseParser>

/**
 * A strict parser of the responses of one connection (RFC 9112). What another parser might read differently is rejected:
 * such differences are how responses reach the wrong client.
 */
export function createResponseParser(listener: ResponseListener) {
  let phase: Phase = 'idle'
  let method = 'GET'
  let hasBegun = false
  let isPersistent = false
  let interimResponses = 0
  /** Bytes of the body or the chunk still to come. */
  let remaining = 0
  /** The part received of an incomplete head, or of an incomplete line of the chunked coding. */
  let text = ''
  let trailerBytes = 0

  /** Parses a head as far as it has arrived, and the body if it is complete; returns the offset where parsing stopped. */
  function parseHeadBytes(bytes: Buffer, offset: number): number {
    const before = text.length
    text += bytes.toString(
      'latin1',
      offset,
      Math.min(bytes.length, offset + limits.headBytesMax + 4 - before),
    )
    const end = text.indexOf('\r\n\r\n', Math.max(0, before - 3))
    if (end < 0) {
      if (text.length > limits.headBytesMax) throw new MalformedResponse('The head is larger than 16 KiB.')
      return bytes.length
    }
    const received = text
    text = ''
    const head = parseHead(received, end, method)
    if (head.status < 200) skipInterim(head.status)
    else startBody(head, received, end + 4, before + bytes.length - offset)
    return phase === 'idle' ? bytes.length : offset + end + 4 - before
  }

  function skipInterim(status: number): void {
    interimResponses += 1
    if (status === 101 || interimResponses > limits.interimResponsesMax)
      throw new MalformedResponse(`Unexpected interim response of status ${status}.`)
  }

  function startBody(head: ParsedHead, received: string, bodyStart: number, receivedBytes: number): void {
    isPersistent = head.isPersistent
    const { framing } = head
    if (framing.kind === 'length') {
      const bodyEnd = bodyStart + framing.bytes
      if (bodyEnd < receivedBytes)
        throw new MalformedResponse('There are bytes after the end of the response.')
      if (bodyEnd === received.length) {
        phase = 'idle'
        listener.onHead(head, received.slice(bodyStart))
        return
      }
      remaining = framing.bytes
    }
    phase = framing.kind === 'chunked' ? 'chunk-size' : framing.kind
    listener.onHead(head, undefined)
  }

  /** Passes on the received part of the body or of a chunk; returns the offset where it ends. */
  function parseData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + remaining)
    remaining -= end - offset
    const isLast = remaining === 0
    const wasChunk = phase === 'chunk-data'
    if (isLast && wasChunk) phase = 'chunk-end'
    // Copied, since the next read overwrites the connection's buffer.
    listener.onBody(Buffer.from(bytes.subarray(offset, end)))
    if (isLast && !wasChunk) finish()
    return end
  }

  function parseUntilClose(bytes: Buffer, offset: number): number {
    listener.onBody(Buffer.from(bytes.subarray(offset)))
    return bytes.length
  }

  /** Parses a line of the chunked coding as far as it has arrived; returns the offset where parsing stopped. */
  function parseLine(bytes: Buffer, offset: number): number {
    const newline = bytes.indexOf(0x0a, offset)
    const end = newline < 0 ? bytes.length : newline + 1
    if (text.length + end - offset > limits.chunkLineBytesMax)
      throw new MalformedResponse('A line of the chunked coding is too long.')
    text += bytes.toString('latin1', offset, end)
    if (newline >= 0) {
      if (!text.endsWith('\r\n'))
        throw new MalformedResponse('A line of the chunked coding does not end in CRLF.')
      const line = text.slice(0, -2)
      text = ''
      handleLine(line)
    }
    return end
  }

  function handleLine(line: string): void {
    if (phase === 'chunk-size') {
      remaining = chunkSize(line)
      phase = remaining === 0 ? 'trailer' : 'chunk-data'
    } else if (phase === 'chunk-end') {
      if (line !== '') throw new MalformedResponse('A chunk is longer than its size.')
      phase = 'chunk-size'
    } else if (line === '') {
      finish()
    } else {
      trailerBytes += line.length
      if (trailerBytes > limits.trailerBytesMax)
        throw new MalformedResponse('The trailers are larger than 16 KiB.')
    }
  }

  function finish(): void {
    phase = 'idle'
    listener.onEnd()
  }

  function parseSome(bytes: Buffer, offset: number): number {
    if (phase === 'head') return parseHeadBytes(bytes, offset)
    if (phase === 'length' || phase === 'chunk-data') return parseData(bytes, offset)
    if (phase === 'until-close') return parseUntilClose(bytes, offset)
    if (phase === 'idle') throw new MalformedResponse('There are bytes after the end of the response.')
    return parseLine(bytes, offset)
  }

  return {
    /** Expects the response to a request of this method. */
    begin(requestMethod: string): void {
      method = requestMethod
      phase = 'head'
      hasBegun = false
      interimResponses = 0
      trailerBytes = 0
      text = ''
    },
    /** Parses the next bytes; throws MalformedResponse, after which the connection must be closed. */
    push(bytes: Buffer): void {
      hasBegun = true
      let offset = 0
      while (offset < bytes.length) offset = parseSome(bytes, offset)
    },
    /** The connection was closed; returns whether that was the end of the response. */
    close(): boolean {
      if (phase !== 'until-close') return false
      finish()
      return true
    },
    /** Whether any byte of the response has arrived. */
    hasBegun: () => hasBegun,
    /** Whether the connection may be used for another request once the response has ended. */
    isPersistent: () => isPersistent,
  }
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
/** Control characters, bare CR and bare LF, after which some parsers would begin another field. */
const invalidCharacter = /[^\t\x20-\x7e\x80-\xff]/

/** Parses the text up to `end`, where the empty line begins. */
function parseHead(text: string, end: number, method: string): ParsedHead {
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

function chunkSize(line: string): number {
  const [, digits] = /^([\da-f]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line) ?? []
  if (digits === undefined) throw new MalformedResponse('The size of a chunk is not a number.')
  return Number.parseInt(digits, 16)
}
