import { headerField, nominatedFields } from './header-fields.ts'

/** The head of an answer, without the fields that speak of one connection only. */
export type ResponseHead = {
  readonly status: number
  readonly reason: string
  /** Names and values in turn, as they came. */
  readonly headers: string[]
}

/** What is told of an answer while it arrives. */
export type ResponseListener = {
  /** `whole` is the complete body as latin1 text where all of it came along with the head; then nothing follows. */
  onHead(head: ResponseHead, whole: string | undefined): void
  onBody(chunk: Buffer): void
  onEnd(): void
}

/** The bytes are no HTTP/1.1 answer, or one whose end is in doubt. */
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
 * Reads the answers of one connection, strictly (RFC 9112): what other readers might understand in another way is
 * refused, since two ways to read the same bytes is how answers get swapped between clients.
 */
export function createResponseParser(listener: ResponseListener) {
  let phase: Phase = 'idle'
  let method = 'GET'
  let hasBegun = false
  let isPersistent = false
  let interimAnswers = 0
  /** Bytes to come of the body or the chunk. */
  let remaining = 0
  /** What has come of a head or of a line of the chunked coding that is not complete yet. */
  let text = ''
  let trailerBytes = 0

  /** Takes a head, or as much as there is of it; gives where it ends, or its body where all of that was there too. */
  function takeHead(bytes: Buffer, offset: number): number {
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
    interimAnswers += 1
    if (status === 101 || interimAnswers > limits.interimResponsesMax)
      throw new MalformedResponse(`Nobody asked for an answer of status ${status}.`)
  }

  function startBody(head: ParsedHead, received: string, bodyStart: number, receivedBytes: number): void {
    isPersistent = head.isPersistent
    const { framing } = head
    if (framing.kind === 'length') {
      const bodyEnd = bodyStart + framing.bytes
      if (bodyEnd < receivedBytes) throw new MalformedResponse('There are bytes after the end of the answer.')
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

  /** Passes on what is there of the body or of a chunk; gives where it ends. */
  function takeData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + remaining)
    remaining -= end - offset
    const isLast = remaining === 0
    const wasChunk = phase === 'chunk-data'
    if (isLast && wasChunk) phase = 'chunk-end'
    // The bytes are the connection's buffer, which the next read overwrites.
    listener.onBody(Buffer.from(bytes.subarray(offset, end)))
    if (isLast && !wasChunk) finish()
    return end
  }

  function takeUntilClose(bytes: Buffer, offset: number): number {
    listener.onBody(Buffer.from(bytes.subarray(offset)))
    return bytes.length
  }

  /** Takes a line of the chunked coding, or as much as there is of it; gives where it ends. */
  function takeLine(bytes: Buffer, offset: number): number {
    const newline = bytes.indexOf(0x0a, offset)
    const end = newline < 0 ? bytes.length : newline + 1
    if (text.length + end - offset > limits.chunkLineBytesMax)
      throw new MalformedResponse('A line of a chunk is too long.')
    text += bytes.toString('latin1', offset, end)
    if (newline >= 0) {
      if (!text.endsWith('\r\n')) throw new MalformedResponse('A line of a chunk has no proper end.')
      const line = text.slice(0, -2)
      text = ''
      takeCompleteLine(line)
    }
    return end
  }

  function takeCompleteLine(line: string): void {
    if (phase === 'chunk-size') {
      remaining = chunkSize(line)
      phase = remaining === 0 ? 'trailer' : 'chunk-data'
    } else if (phase === 'chunk-end') {
      if (line !== '') throw new MalformedResponse('A chunk is longer than it says.')
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

  function take(bytes: Buffer, offset: number): number {
    if (phase === 'head') return takeHead(bytes, offset)
    if (phase === 'length' || phase === 'chunk-data') return takeData(bytes, offset)
    if (phase === 'until-close') return takeUntilClose(bytes, offset)
    if (phase === 'idle') throw new MalformedResponse('There are bytes after the end of the answer.')
    return takeLine(bytes, offset)
  }

  return {
    /** Expects the answer to a request of this method. */
    begin(requestMethod: string): void {
      method = requestMethod
      phase = 'head'
      hasBegun = false
      interimAnswers = 0
      trailerBytes = 0
      text = ''
    },
    /** Takes the next bytes; throws MalformedAnswer, after which the connection is of no more use. */
    push(bytes: Buffer): void {
      hasBegun = true
      let offset = 0
      while (offset < bytes.length) offset = take(bytes, offset)
    },
    /** The connection has been closed in good order: whether that was the proper end of the answer. */
    close(): boolean {
      if (phase !== 'until-close') return false
      finish()
      return true
    },
    /** Whether a byte of the answer has come. */
    hasBegun: () => hasBegun,
    /** Whether the connection can take another request once the answer has ended. */
    isPersistent: () => isPersistent,
  }
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
/** A control character or half a line end, where some readers would see another field begin. */
const strayCharacter = /[^\t\x20-\x7e\x80-\xff]/

/** Reads the text up to `end`, where the empty line begins. */
function parseHead(text: string, end: number, method: string): ParsedHead {
  const firstEnd = text.indexOf('\r\n')
  const [, minor, status = '', reason = ''] = statusLine.exec(text.slice(0, firstEnd)) ?? []
  if (minor === undefined) throw new MalformedResponse('The first line is no status line of HTTP/1.1.')
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
    if (field === undefined || strayCharacter.test(value))
      throw new MalformedResponse('A line of the head is no header field.')
    if (!field.isHopByHop) fields.headers.push(rawName, value)
    noteFraming(fields, field.name, value)
    at = lineEnd + 2
  }
  return withoutNominated(fields)
}

function noteFraming(fields: Fields, name: string, value: string): void {
  if (name === 'content-length') fields.length = once(fields.length, value)
  else if (name === 'transfer-encoding') fields.coding = once(fields.coding, value)
  else if (name === 'connection')
    fields.connection = fields.connection === undefined ? value : `${fields.connection}, ${value}`
}

/** Told twice, even in the same words, what frames an answer is in doubt. */
function once(before: string | undefined, value: string): string {
  if (before !== undefined) throw new MalformedResponse('The head tells the length of the body twice.')
  return value
}

/** Without spaces and tabs at the ends; `trim` would also take bytes that mean something in another encoding. */
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

/** The length stays, whatever `Connection` says: without it the client would have to guess. */
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

/** How the end of the body is told (RFC 9112, 6.3). */
function framingOf({ length, coding }: Fields, method: string, status: number, minor: string): Framing {
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new MalformedResponse('Content-Length is no number.')
  if (coding !== undefined && (length !== undefined || minor === '0' || coding.toLowerCase() !== 'chunked'))
    throw new MalformedResponse('The transfer coding leaves the end of the body in doubt.')
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', bytes: 0 }
  if (coding !== undefined) return { kind: 'chunked' }
  return length === undefined ? { kind: 'until-close' } : { kind: 'length', bytes: Number(length) }
}

function chunkSize(line: string): number {
  const [, digits] = /^([\da-f]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line) ?? []
  if (digits === undefined) throw new MalformedResponse('The size of a chunk is no number.')
  return Number.parseInt(digits, 16)
}
