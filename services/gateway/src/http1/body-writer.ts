import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Writes request bodies to one connection, one at a time, with backpressure. */
export function createBodyWriter(socket: Socket, onProgress: () => void) {
  let body: Readable | undefined
  let isChunked = false
  /** Nothing of the body is read before the upstream continues. */
  let isHeld = false
  socket.on('drain', () => {
    if (!isHeld) body?.resume()
  })

  function writeChunk(chunk: Buffer): void {
    onProgress()
    // A chunk without data would be the last chunk.
    if (chunk.length === 0) return
    const hasRoom = isChunked ? writeChunked(chunk) : socket.write(chunk)
    if (!hasRoom) body?.pause()
  }

  function writeChunked(chunk: Buffer): boolean {
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

  function proceed(): void {
    isHeld = false
    body?.on('data', writeChunk)
    body?.on('end', endBody)
  }

  function release(): void {
    body?.off('data', writeChunk)
    body?.off('end', endBody)
    if (!isHeld) body?.resume()
    body = undefined
  }

  return {
    /** Writes this head and body, with the chunked coding if the length of the body is unknown; the body at once, unless it is held. */
    write(head: string, from: Readable, inChunks: boolean, held: boolean): void {
      body = from
      isChunked = inChunks
      isHeld = held
      if (!held) proceed()
      // The part of the body that has arrived is read in this turn, and sent together with the head.
      socket.cork()
      socket.write(head, 'latin1')
      process.nextTick(() => socket.uncork())
    },
    /** Writes the body that was held. */
    proceed(): void {
      if (isHeld) proceed()
    },
    /**
     * Stops writing the body. The rest is read and discarded: otherwise the client's next request on the same connection
     * would never be seen. One that was held is left to the server, since reading it would send the client 100 Continue.
     */
    release,
    /** Whether all of the body has left this process. */
    isDone: () => body === undefined && socket.writableLength === 0,
    /** Whether the body is incomplete only because the client has not sent the rest yet. */
    isWaitingForClient: () => body !== undefined && !isHeld && !socket.writableNeedDrain,
  }
}
