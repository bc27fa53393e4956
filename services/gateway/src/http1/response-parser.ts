import { createChunkedDecoder } from './chunked-decoder.ts'
import { MalformedResponse, parseHead } from './response-head.ts'
import type { ParsedHead, ResponseHead } from './response-head.ts'

export { MalformedResponse } from './response-head.ts'
export type { ResponseHead } from './response-head.ts'

/** Receives a response as it arrives. */
export type ResponseListener = {
  /** `whole` is the complete body as latin1 text if it arrived together with the head; then no other call follows. */
  onHead(head: ResponseHead, whole: string | undefined): void
  onBody(chunk: Buffer): void
  onEnd(): void
}

const limits = {
  headBytesMax: 16_384,
  interimResponsesMax: 10,
}

type Phase = 'idle' | 'head' | 'length' | 'chunked' | 'until-close'

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
  /** Bytes of a body with a length still to come. */
  let remaining = 0
  /** The part received of an incomplete head. */
  let text = ''
  const chunks = createChunkedDecoder((data) => listener.onBody(data), finish)

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
    phase = framing.kind
    if (phase === 'chunked') chunks.begin()
    listener.onHead(head, undefined)
  }

  /** Passes on the received part of a body with a length; returns the offset where it ends. */
  function parseData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + remaining)
    remaining -= end - offset
    // Copied, since the next read overwrites the connection's buffer.
    listener.onBody(Buffer.from(bytes.subarray(offset, end)))
    if (remaining === 0) finish()
    return end
  }

  function parseUntilClose(bytes: Buffer, offset: number): number {
    listener.onBody(Buffer.from(bytes.subarray(offset)))
    return bytes.length
  }

  function finish(): void {
    phase = 'idle'
    listener.onEnd()
  }

  function parseSome(bytes: Buffer, offset: number): number {
    if (phase === 'head') return parseHeadBytes(bytes, offset)
    if (phase === 'length') return parseData(bytes, offset)
    if (phase === 'chunked') return chunks.decode(bytes, offset)
    if (phase === 'until-close') return parseUntilClose(bytes, offset)
    throw new MalformedResponse('There are bytes after the end of the response.')
  }

  return {
    /** Expects the response to a request of this method. */
    begin(requestMethod: string): void {
      method = requestMethod
      phase = 'head'
      hasBegun = false
      interimResponses = 0
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
