import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import type { ResponseHead, ResponseListener } from './response-parser.ts'
import { createResponseParser } from './response-parser.ts'
import { createBodyWriter } from './body-writer.ts'

/** A request to an upstream. */
export type UpstreamRequest = {
  readonly method: string
  /** The request line and the header fields, including the empty line, as latin1 text. */
  readonly head: string
  readonly body: Readable | undefined
  /** Whether the length of the body is unknown, so that it is sent in chunks. */
  readonly isChunked: boolean
}

/** Why an exchange failed. `stalled` is the client's fault: it stopped reading or sending. */
export type ExchangeFailure = 'refused' | 'reset' | 'timeout' | 'malformed' | 'stalled'

export class ExchangeError extends Error {
  readonly fault: ExchangeFailure
  /** A reused connection was closed before any byte of the response: most likely the upstream had timed it out. */
  readonly isStale: boolean

  constructor(fault: ExchangeFailure, isStale: boolean, cause: unknown) {
    super(`the exchange with the upstream failed: ${fault}`, { cause })
    this.name = 'ExchangeError'
    this.fault = fault
    this.isStale = isStale
  }
}

/** Receives a response as it arrives, or one failure at any point, after which no other call follows. */
export type ExchangeListener = ResponseListener & { onFailure(failure: ExchangeError): void }

export type ConnectionOptions = {
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs: number
  /** The longest wait for the response to begin, and then for more of its body. */
  readonly timeoutMs: number
  /** The longest that a client may leave a response unread. */
  readonly stallTimeoutMs: number
  /** Shared by all connections: each read is consumed or copied before the next. */
  readonly readBuffer: Buffer
  /** The connection can be used for another request. */
  onFree(connection: HttpConnection): void
  /** The connection has been closed; may be called more than once. */
  onClose(connection: HttpConnection): void
}

export type HttpConnection = {
  /** Sends a request on a connection without an exchange. */
  send(request: UpstreamRequest, listener: ExchangeListener): void
  /** Stops reading the response of this listener until `resume`; called from within `onHead` or `onBody`. */
  pause(listener: ExchangeListener): void
  resume(listener: ExchangeListener): void
  /** Aborts the exchange of this listener, if it is still in progress, by closing the connection. */
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
  socket.on('end', onSocketEnd)
  socket.on('close', onClose)
  const bodyWriter = createBodyWriter(socket, refreshTimer)

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
      closeConnection()
    },
    destroy: closeConnection,
  }
  return connection

  function sendWithBody(request: UpstreamRequest, body: Readable): void {
    bodyWriter.write(body, request.isChunked)
    // The part of the body that has arrived is read in this turn, and sent together with the head.
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
    if (whole !== undefined) endReusableExchange()
  }

  function onBody(chunk: Buffer): void {
    timer.refresh()
    listener?.onBody(chunk)
  }

  function onEnd(): void {
    listener?.onEnd()
    endReusableExchange()
  }

  /** A connection whose response ended before its request was sent completely cannot be reused. */
  function endReusableExchange(): void {
    if (listener === undefined) return
    const isReusable = parser.isPersistent() && !bodyWriter.isWriting()
    endExchange()
    isReused = true
    if (isReusable) options.onFree(connection)
    else closeConnection()
  }

  function endExchange(): void {
    listener = undefined
    bodyWriter.release()
    if (isPaused) continueReading()
  }

  function continueReading(): void {
    isPaused = false
    restartTimer(timeoutMs)
  }

  function fail(fault: ExchangeFailure, cause?: unknown): void {
    const to = listener
    endExchange()
    closeConnection()
    to?.onFailure(new ExchangeError(fault, isReused && !parser.hasBegun(), cause))
  }

  /** Calls `onClose` at once: the socket takes a turn of the event loop to close, and a request sent on it would be lost. */
  function closeConnection(): void {
    options.onClose(connection)
    socket.destroy()
  }

  function onTimeout(): void {
    const isClientLate = isPaused || (isConnected && bodyWriter.isWaitingForClient())
    fail(isClientLate ? 'stalled' : 'timeout')
  }

  function onSocketEnd(): void {
    if (!parser.close()) fail('reset')
  }

  function onClose(): void {
    clearTimeout(timer)
    fail('reset')
  }

  /** Until the connection is established, the timer is its connect timeout. */
  function refreshTimer(): void {
    if (isConnected) timer.refresh()
  }

  function restartTimer(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(onTimeout, ms)
  }
}
