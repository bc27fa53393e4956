import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import type { ResponseHead, ResponseListener } from './response-parser.ts'
import { createResponseParser } from './response-parser.ts'
import { createBodyWriter } from './body-writer.ts'

/** A request as it goes to an upstream. */
export type UpstreamRequest = {
  readonly method: string
  /** The request line and the header fields with all their line ends, as latin1 text. */
  readonly head: string
  readonly body: Readable | undefined
  /** Whether the body's length is unknown, so that it is sent in chunks. */
  readonly isChunked: boolean
}

/** What went wrong; `stalled` alone is no fault of the upstream but of the client, who stopped reading or sending. */
export type Fault = 'refused' | 'reset' | 'timeout' | 'malformed' | 'stalled'

export class ExchangeError extends Error {
  readonly fault: Fault
  /** A kept connection was closed before a byte of the answer came: most likely the upstream had already given it up. */
  readonly isStale: boolean

  constructor(fault: Fault, isStale: boolean, cause: unknown) {
    super(`the upstream failed: ${fault}`, { cause })
    this.name = 'UpstreamFailure'
    this.fault = fault
    this.isStale = isStale
  }
}

/** Told of an answer as it arrives, or of one failure at any point, after which nothing follows. */
export type ExchangeListener = ResponseListener & { onFailure(failure: ExchangeError): void }

export type ConnectionOptions = {
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs: number
  /** The longest wait for an answer to begin and, once it has, for more of its body. */
  readonly timeoutMs: number
  /** The longest that a client may leave an answer unread. */
  readonly stallTimeoutMs: number
  /** Shared by all connections: what a read left there has been used or copied before the next one. */
  readonly readBuffer: Buffer
  /** The connection can take another request. */
  onFree(connection: HttpConnection): void
  /** The connection is of no more use; may be told more than once. */
  onClose(connection: HttpConnection): void
}

export type HttpConnection = {
  /** Sends a request on a connection that is free. */
  send(request: UpstreamRequest, listener: ExchangeListener): void
  /** Stops reading the answer that this listener is told of, from within `onHead` or `onBody`, until `resume`. */
  pause(listener: ExchangeListener): void
  resume(listener: ExchangeListener): void
  /** Gives up the exchange of this listener, if it is still under way, by closing the connection. */
  abort(listener: ExchangeListener): void
  destroy(): void
}

/** One keep-alive connection to an upstream, with one exchange at a time on it. */
export function createHttpConnection(options: ConnectionOptions): HttpConnection {
  const { timeoutMs } = options
  const parser = createResponseParser({ onHead, onBody, onEnd })
  let listener: ExchangeListener | undefined
  let isConnected = false
  let isReused = false
  let isPaused = false
  let timer = setTimeout(onTimeout, options.connectTimeoutMs)

  const socket = connect({
    host: options.host,
    port: options.port,
    noDelay: true,
    onread: { buffer: options.readBuffer, callback: onRead },
  })
  socket.on('connect', onConnect)
  socket.on('error', (error) => fail(isConnected ? 'reset' : 'refused', error))
  socket.on('end', onEndOfBytes)
  socket.on('close', onClose)
  const bodySender = createBodyWriter(socket, refreshTimer)

  const connection: HttpConnection = {
    send(request, to) {
      listener = to
      parser.begin(request.method)
      refreshTimer()
      if (request.body === undefined) socket.write(request.head, 'latin1')
      else sendWithBody(request, request.body)
    },
    pause(from) {
      if (listener !== from || isPaused) return
      isPaused = true
      restartTimer(options.stallTimeoutMs)
    },
    resume(from) {
      if (listener !== from || !isPaused) return
      continueReading()
      socket.resume()
    },
    abort(from) {
      if (listener !== from) return
      endExchange()
      drop()
    },
    destroy: drop,
  }
  return connection

  function sendWithBody(request: UpstreamRequest, body: Readable): void {
    bodySender.send(body, request.isChunked)
    // What has already come of the body is read in this turn, and leaves together with the head.
    socket.cork()
    socket.write(request.head, 'latin1')
    process.nextTick(() => socket.uncork())
  }

  function onConnect(): void {
    isConnected = true
    restartTimer(timeoutMs)
  }

  function onRead(bytesRead: number): boolean {
    try {
      parser.push(options.readBuffer.subarray(0, bytesRead))
    } catch (error) {
      fail('malformed', error)
    }
    return !isPaused
  }

  function onHead(head: ResponseHead, whole: string | undefined): void {
    timer.refresh()
    listener?.onHead(head, whole)
    if (whole !== undefined) free()
  }

  function onBody(chunk: Buffer): void {
    timer.refresh()
    listener?.onBody(chunk)
  }

  function onEnd(): void {
    listener?.onEnd()
    free()
  }

  /** A connection whose request was answered before it was sent in full cannot be used again. */
  function free(): void {
    if (listener === undefined) return
    const isReusable = parser.isPersistent() && !bodySender.isSending()
    endExchange()
    isReused = true
    if (isReusable) options.onFree(connection)
    else drop()
  }

  function endExchange(): void {
    listener = undefined
    bodySender.release()
    if (isPaused) continueReading()
  }

  function continueReading(): void {
    isPaused = false
    restartTimer(timeoutMs)
  }

  function fail(fault: Fault, cause?: unknown): void {
    const to = listener
    endExchange()
    drop()
    to?.onFailure(new ExchangeError(fault, isReused && !parser.hasBegun(), cause))
  }

  /** Tells at once, since the socket takes a turn of the event loop to close, in which a request could be lost on it. */
  function drop(): void {
    options.onClose(connection)
    socket.destroy()
  }

  function onTimeout(): void {
    const isClientLate = isPaused || (isConnected && bodySender.isWaitingForClient())
    fail(isClientLate ? 'stalled' : 'timeout')
  }

  function onEndOfBytes(): void {
    if (!parser.close()) fail('reset')
  }

  function onClose(): void {
    clearTimeout(timer)
    fail('reset')
  }

  /** Until there is a connection, the timer is about that alone. */
  function refreshTimer(): void {
    if (isConnected) timer.refresh()
  }

  function restartTimer(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(onTimeout, ms)
  }
}
