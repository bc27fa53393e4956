import type { Server } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { AppError } from '../../errors/index.ts'
import type { Timeouts } from '../app-options.ts'
import type { AdmitStream } from '../connections/bound.ts'
import { setOpenStreams } from '../connections/exchanges.ts'
import { inTurn } from '../connections/in-turn.ts'
import type { ConstantFields } from '../guarded-response.ts'
import { headerBytesMax, headerFieldsMax } from '../request-form.ts'
import { createStreamExchange } from './exchange.ts'
import type { StreamExchange } from './exchange.ts'
import { Http2Request, requestHeadOf } from './request.ts'
import { Http2Response } from './response.ts'

/** RFC 9113, 7. */
const codes = { noError: 0x00, refusedStream: 0x07, enhanceYourCalm: 0x0b }

/** The resets that a connection may have at once, and then for each second: by its client, or since its frames are at fault. */
const resets = { burst: 200, perSecond: 33 }

/** Twice what is admitted, so that somewhat more is a response of status 431, and what is far more the end of the stream. */
const sessionOptions = {
  settings: {
    maxConcurrentStreams: 100,
    maxHeaderListSize: 4 * headerBytesMax,
    enablePush: false,
  },
  maxHeaderListPairs: 4 * headerFieldsMax,
  maxSessionMemory: 10,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  streamResetBurst: resets.burst,
  streamResetRate: resets.perSecond,
  strictSingleValueFields: false,
  // Otherwise a field with such a value is dropped without a word, as a condition would be, and the request goes on: see `refusalOf`.
  strictFieldWhitespaceValidation: false,
}

type Session = {
  readonly socket: TLSSocket
  readonly session: ServerHttp2Session
  readonly exchanges: Set<StreamExchange>
  /** Streams whose requests have not begun, in order, with the fields of each. */
  readonly waiting: { readonly stream: ServerHttp2Stream; readonly raw: readonly string[] }[]
  /** Since when there has been no open stream. */
  idleSinceMs: number
  hasServed: boolean
  closedAtMs: number | undefined
  /** How many resets it may have now, and as of when. */
  resetsLeft: number
  resetsAtMs: number
}

export type Http2 = ReturnType<typeof serveHttp2>

/**
 * Serves HTTP/2 on the connections of a server that negotiate it. Each stream becomes a request and a response of the server itself, so
 * that everything behind it is the same as for HTTP/1.1. Connections begin their requests in turn, after what has been received with
 * them: a client that opens many at once, or resets them, delays itself. What Node bounds for HTTP/1.1 alone is bounded here: the time for a
 * request, for a response that is not read, and for a connection without streams.
 */
export function serveHttp2(
  server: Server,
  { timeouts, constantFields }: { timeouts: Timeouts; constantFields: ConstantFields },
) {
  const { performServerHandshake } = process.getBuiltinModule('node:http2')
  const sessions = new Set<Session>()
  const http1 = server.listeners('secureConnection')
  const setReady = inTurn(beginNext)
  let admit: AdmitStream = () => () => {}
  let closingSinceMs: number | undefined
  server.removeAllListeners('secureConnection').on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') begin(socket)
    else for (const listener of http1) listener.call(server, socket)
  })
  const timer = setInterval(sweep, timeouts.checkIntervalMs).unref()

  function begin(socket: TLSSocket): void {
    const session = performServerHandshake(socket, sessionOptions)
    const now = performance.now()
    const state: Session = {
      socket,
      session,
      exchanges: new Set(),
      waiting: [],
      idleSinceMs: now,
      hasServed: false,
      closedAtMs: undefined,
      resetsLeft: resets.burst,
      resetsAtMs: now,
    }
    sessions.add(state)
    // Each response may listen to it, as those of server-sent events do.
    socket.setMaxListeners(socket.getMaxListeners() + sessionOptions.settings.maxConcurrentStreams)
    setOpenStreams(socket, () => openStreams(state))
    session.on('stream', (stream, _headers, _flags, raw) => {
      stream.on('error', () => {})
      if (state.waiting.push({ stream, raw }) === 1) setReady(state)
    })
    session.on('error', () => session.destroy())
    session.on('close', () => sessions.delete(state))
    if (closingSinceMs !== undefined) close(state)
  }

  /** Begins the next request of a connection; then it is the turn of others. One that has been reset meanwhile costs nothing more. */
  function beginNext(state: Session): void {
    const { waiting } = state
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { stream, raw } = next
      if (!stream.destroyed && !stream.closed) {
        open(state, stream, raw)
        break
      }
      state.idleSinceMs = performance.now()
      if (stream.rstCode !== codes.noError) countReset(state)
    }
    if (waiting.length > 0) setReady(state)
  }

  function open(state: Session, stream: ServerHttp2Stream, raw: readonly string[]): void {
    const { socket } = state
    const head = requestHeadOf(raw, !stream.endAfterHeaders)
    const request = new Http2Request(socket, stream, head, refusalOf(head))
    const response = new Http2Response(request, constantFields)
    const exchange = createStreamExchange(request, response, timeouts)
    const leave = admit(socket, exchange)
    if (leave === undefined) {
      stream.close(codes.refusedStream)
      return
    }
    state.exchanges.add(exchange)
    stream.once('close', () => {
      leave()
      state.exchanges.delete(exchange)
      state.idleSinceMs = performance.now()
      state.hasServed ||= stream.headersSent
      if (stream.rstCode !== codes.noError) countReset(state)
      exchange.end()
    })
    if (isWaitingForContinue(request)) server.emit('checkContinue', request, response)
    else server.emit('request', request, response)
  }

  function sweep(): void {
    const now = performance.now()
    const requestMs = closingSinceMs === undefined ? timeouts.requestMs : timeouts.lastRequestMs
    for (const state of sessions) {
      for (const exchange of state.exchanges) exchange.check(now, requestMs)
      const { hasServed, idleSinceMs, closedAtMs } = state
      if (openStreams(state) > 0) continue
      if (closedAtMs !== undefined && now - closedAtMs > timeouts.lingerMs) state.session.destroy()
      else if (now - idleSinceMs > (hasServed ? timeouts.idleMs : timeouts.requestMs)) close(state)
    }
  }

  function close(state: Session): void {
    if (state.closedAtMs !== undefined || state.session.destroyed) return
    state.closedAtMs = performance.now()
    state.session.close()
  }

  return {
    /** Those that have begun, and whose streams are open. */
    *requests(): Iterable<Http2Request> {
      for (const { exchanges } of sessions) for (const { request } of exchanges) yield request
    },
    /** Streams count as connections do. */
    bindTo(admitStream: AdmitStream): void {
      admit = admitStream
    },
    /** Asks clients for other connections (RFC 9113, 6.8); requests on these are still served. */
    beginClosing(): void {
      for (const { session } of sessions) if (!session.destroyed) session.goaway(codes.noError, 2 ** 31 - 1)
    },
    /** Ends each connection once its streams are over. */
    endConnections(): void {
      closingSinceMs = performance.now()
      for (const state of sessions) close(state)
    },
    stop: () => clearInterval(timer),
  }
}

function countReset(state: Session): void {
  const now = performance.now()
  const more = ((now - state.resetsAtMs) / 1_000) * resets.perSecond
  state.resetsLeft = Math.min(resets.burst, state.resetsLeft + more) - 1
  state.resetsAtMs = now
  if (state.resetsLeft < 0 && !state.session.destroyed)
    state.session.destroy(undefined, codes.enhanceYourCalm)
}

function openStreams({ waiting, exchanges }: Session): number {
  return waiting.length + exchanges.size
}

/** What is refused whatever its route, but for what is refused in HTTP/1.1 too. */
function refusalOf({
  method,
  path,
  bytes,
  hasOuterSpace,
}: ReturnType<typeof requestHeadOf>): AppError | undefined {
  if (bytes > headerBytesMax)
    return new AppError('headers_too_large', 'The header section has more than 16 KiB.')
  // The parser of HTTP/1.1 admits no other bytes, so a service would end its connection to the gateway.
  if (!/^[!-~]*$/.test(path))
    return new AppError('malformed', 'The path must have characters of ASCII only; encode others.')
  // RFC 9113, 8.2.1.
  if (hasOuterSpace)
    return new AppError('malformed', 'The value of a field must not begin or end with whitespace.')
  if (method === 'CONNECT')
    return new AppError('method_not_allowed', 'CONNECT is not allowed here.', { headers: { allow: '' } })
  return undefined
}

function isWaitingForContinue({ headers }: Http2Request): boolean {
  return /100-continue/i.test(headers.expect ?? '')
}
