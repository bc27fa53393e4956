import { MalformedResponse, parseHead } from './response-head.ts'
import type { ParsedHead } from './response-head.ts'

const limits = {
  headBytesMax: 16_384,
  interimResponsesMax: 10,
}

/** A line end other than CRLF, which another parser may take for one. The last CR may still be followed by its LF. */
const strayLineEnd = /(?<!\r)\n|\r(?=[^\n])/g

/** Receives a head, what was received after it (as latin1 text, at least its beginning), and the length of that in bytes. */
type HeadListener = (head: ParsedHead, rest: string, restBytes: number) => void

/**
 * Reads the head of a response, which may arrive in parts, and skips the interim responses before it; `onContinue` is called for those
 * that are 100 Continue.
 */
export function createHeadReader(onHead: HeadListener, onContinue: () => void) {
  let method = 'GET'
  let interimResponses = 0
  /** The part received of an incomplete head. */
  let text = ''

  function skipInterim(status: number): void {
    interimResponses += 1
    if (status === 101 || interimResponses > limits.interimResponsesMax)
      throw new MalformedResponse(`Unexpected interim response of status ${status}.`)
    if (status === 100) onContinue()
  }

  function checkIncomplete(before: number): void {
    if (text.length > limits.headBytesMax) throw new MalformedResponse('The head is larger than 16 KiB.')
    strayLineEnd.lastIndex = Math.max(0, before - 1)
    if (strayLineEnd.test(text)) throw new MalformedResponse('A line of the head does not end in CRLF.')
  }

  return {
    /** Expects the response to a request of this method. */
    begin(requestMethod: string): void {
      method = requestMethod
      interimResponses = 0
      text = ''
    },
    /** Reads from the offset as far as the head goes; returns the offset where it stopped. */
    read(bytes: Buffer, offset: number): number {
      const before = text.length
      const bytesMax = limits.headBytesMax + 4 - before
      text += bytes.toString('latin1', offset, Math.min(bytes.length, offset + bytesMax))
      const end = text.indexOf('\r\n\r\n', Math.max(0, before - 3))
      if (end < 0) {
        checkIncomplete(before)
        return bytes.length
      }
      const received = text
      text = ''
      const head = parseHead(received, end, method)
      const headEnd = offset + end + 4 - before
      if (head.status < 200) skipInterim(head.status)
      else onHead(head, received.slice(end + 4), bytes.length - headEnd)
      return headEnd
    },
  }
}
