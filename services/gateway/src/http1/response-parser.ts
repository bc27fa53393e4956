import { createChunkedDecoder } from './chunked-decoder.ts'
import { createHeadReader } from './head-reader.ts'
import { MalformedResponse } from './response-head.ts'
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

type Phase = 'idle' | 'head' | 'length' | 'chunked' | 'until-close' | 'ended'

/**
 * A strict parser of the responses of one connection (RFC 9112). What another parser might read differently is rejected:
 * such differences are how responses reach the wrong client. `onContinue` is called for each 100 Continue before a response.
 */
export function createResponseParser(listener: ResponseListener, onContinue: () => void = () => {}) {
  const heads = createHeadReader(startBody, onContinue)
  const chunks = createChunkedDecoder(
    (data) => listener.onBody(data),
    () => {
      phase = 'ended'
    },
  )
  let phase: Phase = 'idle'
  let hasBegun = false
  let keepAliveMs = 0
  /** Bytes of a body with a length still to come. */
  let remaining = 0
  /** A response whose body arrived together with its head. */
  let whole: { readonly head: ResponseHead; readonly body: string } | undefined

  function startBody(head: ParsedHead, rest: string, restBytes: number): void {
    const { framing } = head
    keepAliveMs = head.keepAliveMs
    phase = framing.kind
    if (framing.kind === 'length') {
      if (framing.bytes < restBytes) throw bytesAfterEnd()
      remaining = framing.bytes
      // `rest` is all that was received if it is as long as the body.
      if (rest.length === framing.bytes) whole = { head, body: rest }
    } else if (framing.kind === 'chunked') chunks.begin()
    if (whole === undefined) listener.onHead(head, undefined)
    else phase = 'ended'
  }

  /** Passes on the received part of a body with a length; returns the offset where it ends. */
  function parseData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + remaining)
    remaining -= end - offset
    // Copied, since the next read overwrites the connection's buffer.
    listener.onBody(Buffer.from(bytes.subarray(offset, end)))
    if (remaining === 0) phase = 'ended'
    return end
  }

  function parseUntilClose(bytes: Buffer, offset: number): number {
    listener.onBody(Buffer.from(bytes.subarray(offset)))
    return bytes.length
  }

  function parseSome(bytes: Buffer, offset: number): number {
    if (phase === 'head') {
      const headEnd = heads.read(bytes, offset)
      return whole === undefined ? headEnd : bytes.length
    }
    if (phase === 'length') return parseData(bytes, offset)
    if (phase === 'chunked') return chunks.decode(bytes, offset)
    if (phase === 'until-close') return parseUntilClose(bytes, offset)
    throw bytesAfterEnd()
  }

  /** Called once all bytes of a read are parsed: a response that is followed by other bytes in the same read is malformed. */
  function finish(): void {
    const ended = whole
    phase = 'idle'
    whole = undefined
    if (ended === undefined) listener.onEnd()
    else listener.onHead(ended.head, ended.body)
  }

  return {
    /** Expects the response to a request of this method. */
    begin(requestMethod: string): void {
      heads.begin(requestMethod)
      phase = 'head'
      hasBegun = false
    },
    /** Parses the next bytes; throws MalformedResponse, after which the connection must be closed. */
    push(bytes: Buffer): void {
      hasBegun = true
      let offset = 0
      while (offset < bytes.length) offset = parseSome(bytes, offset)
      if (phase === 'ended') finish()
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
    isPersistent: () => keepAliveMs > 0,
    /** For how long it may be used again. */
    keepAliveMs: () => keepAliveMs,
  }
}

function bytesAfterEnd(): MalformedResponse {
  return new MalformedResponse('There are bytes after the end of the response.')
}
