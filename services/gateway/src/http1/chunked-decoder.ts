import { headerField, isFieldValue } from './header-fields.ts'
import { MalformedResponse } from './response-head.ts'

const limits = { lineBytesMax: 1_024, trailerBytesMax: 16_384 }

type Phase = 'size' | 'data' | 'data-end' | 'trailer'

/** A strict decoder of the chunked transfer coding (RFC 9112, 7.1). Chunk extensions and trailers are checked and dropped. */
export function createChunkedDecoder(onData: (data: Buffer) => void, onEnd: () => void) {
  let phase: Phase = 'size'
  /** Bytes of the chunk still to come. */
  let remaining = 0
  /** The part received of an incomplete line. */
  let line = ''
  let trailerBytes = 0

  function decodeData(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + remaining)
    remaining -= end - offset
    if (remaining === 0) phase = 'data-end'
    // Copied, since the next read overwrites the connection's buffer.
    onData(Buffer.from(bytes.subarray(offset, end)))
    return end
  }

  function decodeLine(bytes: Buffer, offset: number): number {
    const newline = bytes.indexOf(0x0a, offset)
    const end = newline < 0 ? bytes.length : newline + 1
    if (line.length + end - offset > limits.lineBytesMax)
      throw new MalformedResponse('A line of the chunked coding is too long.')
    line += bytes.toString('latin1', offset, end)
    if (newline >= 0) {
      if (!line.endsWith('\r\n'))
        throw new MalformedResponse('A line of the chunked coding does not end in CRLF.')
      const complete = line.slice(0, -2)
      line = ''
      handleLine(complete)
    }
    return end
  }

  function handleLine(complete: string): void {
    if (phase === 'size') {
      remaining = chunkSize(complete)
      phase = remaining === 0 ? 'trailer' : 'data'
    } else if (phase === 'data-end') {
      if (complete !== '') throw new MalformedResponse('A chunk is longer than its size.')
      phase = 'size'
    } else if (complete === '') {
      onEnd()
    } else {
      trailerBytes += complete.length
      checkTrailer(complete, trailerBytes)
    }
  }

  return {
    /** Expects the first chunk of a body. */
    begin(): void {
      phase = 'size'
      line = ''
      trailerBytes = 0
    },
    /** Decodes from the offset to the end of a line or of the data; returns the offset where decoding stopped. */
    decode(bytes: Buffer, offset: number): number {
      return phase === 'data' ? decodeData(bytes, offset) : decodeLine(bytes, offset)
    },
  }
}

/** The size and its extensions, without the white space that no sender may generate (RFC 9112, 7.1.1). */
const chunkLine =
  /^([\da-f]{1,8})(?:;[\w!#$%&'*+\-.^`|~]+(?:=(?:[\w!#$%&'*+\-.^`|~]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*$/i

function chunkSize(line: string): number {
  const [, digits] = chunkLine.exec(line) ?? []
  if (digits === undefined)
    throw new MalformedResponse('The line before a chunk is not a size with extensions.')
  return Number.parseInt(digits, 16)
}

/** A trailer is a header field, but cannot change the length of the body that it follows (RFC 9110, 6.5.1). */
function checkTrailer(line: string, bytes: number): void {
  if (bytes > limits.trailerBytesMax) throw new MalformedResponse('The trailers are larger than 16 KiB.')
  const colon = line.indexOf(':')
  const field = colon < 0 ? undefined : headerField(line.slice(0, colon))
  if (field === undefined || !isFieldValue(line.slice(colon + 1)))
    throw new MalformedResponse('A line of the trailers is not a header field.')
  if (field.name === 'content-length' || field.name === 'transfer-encoding')
    throw new MalformedResponse('A trailer states the length of the body.')
}
