import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export type BodyWriter = ReturnType<typeof createBodyWriter>

/** Sends the bodies of requests over one connection, one at a time, and no faster than the connection takes them. */
export function createBodyWriter(socket: Socket, onProgress: () => void) {
  let body: Readable | undefined
  let isChunked = false
  socket.on('drain', () => body?.resume())

  function sendChunk(chunk: Buffer): void {
    onProgress()
    const hasRoom = isChunked ? writeCoded(chunk) : socket.write(chunk)
    if (!hasRoom) body?.pause()
  }

  function writeCoded(chunk: Buffer): boolean {
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const hasRoom = socket.write('\r\n', 'latin1')
    socket.uncork()
    return hasRoom
  }

  function endBody(): void {
    onProgress()
    if (isChunked) socket.write('0\r\n\r\n', 'latin1')
    release()
  }

  function release(): void {
    body?.off('data', sendChunk)
    body?.off('end', endBody)
    body?.resume()
    body = undefined
  }

  return {
    /** Sends this body, in chunks where its length is not known. */
    send(from: Readable, inChunks: boolean): void {
      body = from
      isChunked = inChunks
      from.on('data', sendChunk)
      from.on('end', endBody)
    },
    /**
     * Sends nothing more of the body. What may still come of it has nowhere to go, but must be read for the client's next
     * request to be seen.
     */
    release,
    isSending: () => body !== undefined,
    /** Whether there is more of the body to send, the connection would take it, and the client has not sent it yet. */
    isWaitingForClient: () => body !== undefined && !socket.writableNeedDrain,
  }
}
