import { MalformedResponse } from './response-head.ts'

const limits = { lineBytesMax: 1_024, trailerBytesMax: 16_384 }

type Phase = 'size' | 'data' | 'data-end' | 'trailer'

export type ChunkedDecoder = ReturnType<typeof createChunkedDecoder>

/** A strict decoder of the chunked transfer coding (RFC 9112, 7.1). Chunk extensions and trailers are dropped. */
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
      if (trailerBytes > limits.trailerBytesMax)
        throw new MalformedResponse('The trailers are larger than 16 KiB.')
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

function chunkSize(line: string): number {
  const [, digits] = /^([\da-f]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line) ?? []
  if (digits === undefined) throw new MalformedResponse('The size of a chunk is not a number.')
  return Number.parseInt(digits, 16)
}
