import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The bytes that may still arrive on a connection that is being closed. */
const bytesMax = 67_108_864
/** How long they may arrive once the server itself closes. */
const lastLingerMs = 500

export type LingeringClose = {
  /** Sends what has been written, closes the sending side, and discards further input, within bounds. */
  close(socket: Socket): void
  /** Whether the connection is being closed. */
  isClosing(socket: Socket): boolean
  /** Ends the connections that are being closed, after a short time. */
  hurry(): void
}

/**
 * Closes connections in stages (RFC 9112, 9.6): a close while the client still sends would reset the connection, and the client
 * would lose a response that it has not read.
 */
export function createLingeringClose(lingerMs: number): LingeringClose {
  const closing = new Set<Socket>()
  let timeoutMs = lingerMs

  return {
    close(socket) {
      if (closing.has(socket) || socket.destroyed) return
      closing.add(socket)
      const timer = setTimeout(() => socket.destroy(), timeoutMs)
      socket.once('close', () => {
        clearTimeout(timer)
        closing.delete(socket)
      })
      discardInput(socket)
      socket.end()
    },
    isClosing: (socket) => closing.has(socket),
    hurry() {
      timeoutMs = lastLingerMs
      for (const socket of closing) setTimeout(() => socket.destroy(), lastLingerMs)
    },
  }
}

/** Takes the input of a connection from the parser of HTTP, and discards it up to a limit. */
export function discardInput(socket: Socket): void {
  let left = bytesMax
  socket.removeAllListeners('data')
  socket.removeAllListeners('end')
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) socket.destroy()
  })
  socket.resume()
  // If reading was stopped for a body that was not read, `resume` does not start it again: the state of the stream is still that of reading.
  socket._read(0)
}

/**
 * Closes the connection after the response unless the body has been read by then: a body that is too large or of unknown length is
 * not worth reading to keep the connection, and one whose client waits for 100 Continue may never arrive.
 */
export function closeUnlessRead(
  request: IncomingMessage,
  response: ServerResponse,
  bodyBytesMax: number,
  isClosing: () => boolean,
): void {
  const { headers } = request
  const isBounded =
    headers['transfer-encoding'] === undefined &&
    headers.expect === undefined &&
    !(Number(headers['content-length']) > bodyBytesMax)
  if (isBounded || !response.shouldKeepAlive) return
  response.shouldKeepAlive = false
  request.once('end', () => {
    response.shouldKeepAlive = !isClosing()
  })
}
