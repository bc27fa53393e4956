import type { Readable } from 'node:stream'
import { createBodyWriter } from './body-writer.ts'
import { createExchangeTimer } from './exchange-timer.ts'
import type { StartTimer } from './exchange-timer.ts'
import { openSocket } from './open-socket.ts'
import type { SocketOptions } from './open-socket.ts'
import { MalformedResponse, createResponseParser } from './response-parser.ts'
import type { ResponseHead, ResponseListener } from './response-parser.ts'

/** A request to an upstream. */
export type UpstreamRequest = {
  readonly method: string
  /** The path and the query. */
  readonly target: string
  /** The header fields other than Host, including the empty line, as latin1 text; a small body may follow in it. */
  readonly head: string
  /** Whether a body follows in `head`. */
  readonly hasBody?: boolean
  readonly body: Readable | undefined
  /** Whether the length of the body is unknown, so that it is sent in chunks. */
  readonly isChunked: boolean
  /** Whether the head has the expectation of 100 Continue, so that the body is not read before that (RFC 9110, 10.1.1). */
  readonly expectsContinue?: boolean
}

/**
 * Why an exchange failed. `stalled` is the client's fault: it stopped reading or sending. `internal` is an error of the
 * listener, and nobody's fault but ours.
 */
export type ExchangeFailure = (typeof exchangeFailures)[number]

export const exchangeFailures = ['refused', 'reset', 'timeout', 'malformed', 'stalled', 'internal'] as const

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

type ConnectionOptions = SocketOptions & {
  /** The field of the requests that names the service. */
  readonly hostField: string
  readonly connectTimeoutMs: number
  /** The longest wait for the response to begin, and then for more of its body. */
  readonly timeoutMs: number
  /** The longest that a client may leave a response unread. */
  readonly stallTimeoutMs: number
  /** Other timers than Node's, for tests. */
  readonly startTimer?: StartTimer
  /** The connection can be used for another request, after this time idle at the most. */
  onFree(connection: HttpConnection, keepAliveMs: number): void
  /** The connection has been closed; may be called more than once. */
  onClose(connection: HttpConnection): void
}

export type HttpConnection = {
  /** Sends a request on a connection without an exchange. */
  send(request: UpstreamRequest, listener: ExchangeListener): void
  /** Stops reading the response of this listener until `resume`; called from within `onHead` or `onBody`. */
  pause(listener: ExchangeListener): void
  resume(listener: ExchangeListener): void
  /** Sets the longest wait between two parts of this response; called from within `onHead`. */
  allowSilence(listener: ExchangeListener, ms: number): void
  /** Aborts the exchange of this listener, if it is still in progress, by closing the connection. */
  abort(listener: ExchangeListener): void
  destroy(): void
}

/** One keep-alive connection to an upstream, with one exchange at a time on it. */
export function createHttpConnection(options: ConnectionOptions): HttpConnection {
  const parser = createResponseParser({ onHead, onBody, onEnd }, onContinue)
  const socket = openSocket(options, onRead)
  const timer = createExchangeTimer(socket, options, onTimeout)
  const bodyWriter = createBodyWriter(socket, timer.refresh)
  let listener: ExchangeListener | undefined
  let isReused = false
  socket.on('error', (error) => fail(timer.isConnecting() ? 'refused' : 'reset', error))
  // With TLS, an end that nothing proves may be of somebody on the way (RFC 9112, 9.8).
  socket.on('end', () => (options.secure === undefined && parser.close()) || fail('reset'))
  socket.on('close', () => fail('reset'))

  function onRead(bytes: Buffer): boolean {
    try {
      parser.push(bytes)
    } catch (error) {
      fail(error instanceof MalformedResponse ? 'malformed' : 'internal', error)
    }
    return !timer.isPaused()
  }

  function onContinue(): void {
    timer.refresh()
    bodyWriter.proceed()
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
    const isReusable = parser.isPersistent() && bodyWriter.isDone()
    endExchange()
    isReused = true
    if (isReusable) options.onFree(connection, parser.keepAliveMs())
    else closeConnection()
  }

  function endExchange(): void {
    listener = undefined
    bodyWriter.release()
    timer.reset()
  }

  function onTimeout(): void {
    const isClientLate = timer.isPaused() || (!timer.isConnecting() && bodyWriter.isWaitingForClient())
    fail(isClientLate ? 'stalled' : 'timeout')
  }

  function fail(fault: ExchangeFailure, cause?: unknown): void {
    const to = listener
    endExchange()
    closeConnection()
    const isStale = fault === 'reset' && isReused && !parser.hasBegun()
    to?.onFailure(new ExchangeError(fault, isStale, cause))
  }

  /** Calls `onClose` at once: the socket takes a turn of the event loop to close, and a request sent on it would be lost. */
  function closeConnection(): void {
    options.onClose(connection)
    socket.destroy()
  }

  const connection: HttpConnection = {
    send({ method, target, head, body, isChunked, expectsContinue = false }, to) {
      listener = to
      parser.begin(method)
      timer.refresh()
      const whole = `${method} ${target} HTTP/1.1\r\n${options.hostField}${head}`
      if (body === undefined) socket.write(whole, 'latin1')
      else bodyWriter.write(whole, body, isChunked, expectsContinue)
    },
    pause(from) {
      if (listener === from) timer.pause()
    },
    resume(from) {
      if (listener !== from || !timer.isPaused()) return
      timer.resume()
      socket.resume()
    },
    allowSilence(from, ms) {
      if (listener === from) timer.allow(ms)
    },
    abort(from) {
      if (listener !== from) return
      endExchange()
      closeConnection()
    },
    destroy: closeConnection,
  }
  return connection
}
