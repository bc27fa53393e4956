import type { Server } from 'node:http'
import { Socket } from 'node:net'
import { hasOpenStreams, incompleteRequestOf, responseOf } from './exchanges.ts'

/** What takes a place among the connections of a process: a connection, or a stream of HTTP/2. */
export interface Bounded {
  /** The bytes that have passed, in both directions. */
  passedBytes(): number
  /** Whether anything of a response was sent to the client. */
  isServed(): boolean
  /** Whether it is the client's turn to send or to read. */
  waitsForClient(): boolean
  close(): void
}

/** What HTTP sees of the connections whose handshake is over, by what their TLS is on. */
const secured = new WeakMap<Socket, Socket>()
/** The connections of each server with TLS whose handshake is not over. */
const handshakes = new WeakMap<Server, Set<Socket>>()

/** A connection. Where it has TLS, what HTTP sees of it counts once the handshake is over: before, nothing was sent to the client. */
export function boundedConnection(server: Server, socket: Socket): Bounded {
  const isTls = hasTls(server)
  if (isTls) {
    const begun = followHandshakes(server).add(socket)
    socket.once('close', () => begun.delete(socket))
  }
  const http = () => (isTls ? secured.get(socket) : socket)
  return {
    passedBytes() {
      const { bytesRead, bytesWritten, writableLength } = http() ?? socket
      return bytesRead + bytesWritten - writableLength
    },
    isServed: () => (http()?.bytesWritten ?? 0) > 0,
    waitsForClient() {
      const found = http()
      if (found === undefined) return true
      if (hasOpenStreams(found)) return false
      return (
        responseOf(found) === undefined ||
        incompleteRequestOf(found) !== undefined ||
        found.writableLength > 0
      )
    },
    close: () => (http() ?? socket).destroy(),
  }
}

/** Whether the connections of a server have TLS. */
export function hasTls(server: Server): boolean {
  return 'setSecureContext' in server
}

/** Calls back with each connection as HTTP sees it: with TLS, that is when the handshake is over. */
export function onHttpConnection(server: Server, listener: (socket: Socket) => void): void {
  server.on(hasTls(server) ? 'secureConnection' : 'connection', listener)
}

/** Ends the connections of a server whose handshake is not over. */
export function endHandshakes(server: Server): void {
  for (const socket of handshakes.get(server) ?? []) socket.destroy()
}

function followHandshakes(server: Server): Set<Socket> {
  const known = handshakes.get(server)
  if (known !== undefined) return known
  const begun = new Set<Socket>()
  handshakes.set(server, begun)
  server.prependListener('secureConnection', (socket: Socket) => {
    // What TLS is on has no public name.
    const beneath: unknown = Reflect.get(socket, '_parent')
    if (!(beneath instanceof Socket)) return
    begun.delete(beneath)
    secured.set(beneath, socket)
  })
  return begun
}
