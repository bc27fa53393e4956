import { setImmediate as nextTurn } from 'node:timers/promises'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { endHandshakes, onHttpConnection } from './bounded-connection.ts'
import { idleConnections, lateConnections, responseOf } from './exchanges.ts'
import type { LingeringClose } from './lingering-close.ts'

const limits = {
  checkIntervalMs: 20,
  /** How long the first request of a new connection may be on its way. */
  firstRequestMs: 250,
}

type Closing = {
  /** Each response is the last on its connection from now on (RFC 9112, 9.6). */
  begin(): void
  hasBegun(): boolean
  /** The requests in progress. */
  requests(): Iterable<IncomingMessage>
  /** Ends connections between two requests, from now until `stop`; called when the server is about to close. */
  endConnections(): Promise<void>
  stop(): void
}

/** What closes the connections with HTTP/2. */
type ClosingOfStreams = {
  requests(): Iterable<IncomingMessage>
  beginClosing(): void
  endConnections(): void
}

/**
 * Ends the connections of a server that closes, so that no request is lost: one that has arrived, also in part, gets its response first.
 * Node would keep a connection that was busy when the closing began for its whole idle time, destroy idle ones with what has just
 * arrived on them, and wait for requests of which the rest never arrives.
 */
export function createClosing(
  server: Server,
  {
    linger,
    lastRequestMs,
    http2,
  }: { linger: LingeringClose; lastRequestMs: number; http2?: ClosingOfStreams | undefined },
): Closing {
  const sockets = new Set<Socket>()
  let begun = false
  let endsSinceMs = 0
  let timer: NodeJS.Timeout | undefined
  onHttpConnection(server, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  function endIdle(): void {
    const isFirstLate = performance.now() - endsSinceMs > limits.firstRequestMs
    for (const socket of idleConnections(server))
      if (isFirstLate || socket.bytesRead > 0) linger.close(socket)
    if (isFirstLate) endHandshakes(server)
  }

  function endLate(): void {
    if (performance.now() - endsSinceMs < lastRequestMs) return
    const late = Object.assign(new Error('The rest of the request is late.'), {
      code: 'ERR_HTTP_REQUEST_TIMEOUT',
    })
    for (const socket of lateConnections(server, lastRequestMs)) server.emit('clientError', late, socket)
  }

  return {
    begin() {
      begun = true
      http2?.beginClosing()
      for (const socket of sockets) {
        const response = responseOf(socket)
        if (response !== undefined) response.shouldKeepAlive = false
      }
    },
    hasBegun: () => begun,
    *requests() {
      for (const socket of sockets) {
        const response = responseOf(socket)
        if (response !== undefined) yield response.req
      }
      if (http2 !== undefined) yield* http2.requests()
    },
    async endConnections() {
      linger.hurry()
      http2?.endConnections()
      endsSinceMs = performance.now()
      // Node calls it when the server closes.
      server.closeIdleConnections = endIdle
      timer = setInterval(() => {
        endIdle()
        endLate()
      }, limits.checkIntervalMs)
      // What has arrived, connections included, is read before the next turn of the event loop is over.
      await nextTurn()
      await nextTurn()
    },
    stop: () => clearInterval(timer),
  }
}
