import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { AppError } from '../errors/index.ts'
import type { AppOptions } from './app-options.ts'
import { incompleteRequestOf, responseOf } from './connections/exchanges.ts'
import { discardInput } from './connections/lingering-close.ts'
import type { LingeringClose } from './connections/lingering-close.ts'
import { problemDocument, statusLine } from './problem.ts'
import {
  formRefusal,
  hasMeaningfulBody,
  headerBytesMax,
  headerFieldsMax,
  tooManyFields,
  unsupportedVersion,
  uriTooLong,
} from './request-form.ts'

/** An error of the parser or of a timeout, with the bytes that were parsed last. */
type ClientError = Error & {
  code?: string | undefined
  rawPacket?: unknown
  bytesParsed?: number | undefined
}

export type ClientErrorHandler = {
  onClientError(error: ClientError, socket: Socket): void
  /** Refuses CONNECT, for which Node ends HTTP on the connection. */
  onConnect(request: IncomingMessage): void
}

/**
 * Responds to input that is not an HTTP request, arrives too slowly or is too large. Responses in progress are finished first, and
 * the rest of the input of the connection is not read.
 */
export function createClientErrorHandler(options: {
  linger: LingeringClose
  requestIdOf: (request?: IncomingMessage) => string
  /** Counts and logs the refusal of input that is not a request, or of a request that Node does not pass on. */
  record: (requestId: string, status: number, request?: IncomingMessage) => void
  detailAlias: AppOptions['detailAlias']
  /** Whether the other end of a connection is to get no response, by its address. */
  isDenied: (socket: Socket) => boolean
  /** The lines of the fields that every response has. */
  securityText: string
}): ClientErrorHandler {
  const { linger, requestIdOf, record, isDenied, detailAlias, securityText } = options
  const failed = new WeakSet<Socket>()

  function refuse(socket: Socket, problem: AppError, requestId: string): void {
    const body = JSON.stringify(problemDocument(problem, requestId, detailAlias))
    const headers = {
      ...problem.headers,
      date: new Date().toUTCString(),
      'x-request-id': requestId,
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    }
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`${statusLine(problem.status)}${securityText}${fields.join('')}\r\n${body}`)
    linger.close(socket)
  }

  /**
   * Refuses in the order of the requests. A request whose own body is at fault gets the refusal as its response; `refused` is one that
   * Node does not pass on.
   */
  function refuseAfterResponses(socket: Socket, problem: AppError, refused?: IncomingMessage): void {
    if (socket.destroyed || linger.isClosing(socket)) return
    const request = incompleteRequestOf(socket)
    const response = responseOf(socket)
    if (response !== undefined && response.req !== request) {
      response.once('close', () => refuseAfterResponses(socket, problem, refused))
    } else if (request === undefined) {
      const requestId = requestIdOf(refused)
      const isSilent = isDenied(socket)
      if (isSilent) socket.destroy()
      else refuse(socket, problem, requestId)
      record(requestId, isSilent ? 403 : problem.status, refused)
    } else if (response === undefined) {
      // It has its response already, and only its body was late.
      linger.close(socket)
    } else if (!response.headersSent) {
      // It is recorded when its connection closes.
      response.statusCode = problem.status
      refuse(socket, problem, requestIdOf(request))
    } else if (!response.writableEnded) {
      socket.destroy()
    }
  }

  return {
    onClientError(error, socket) {
      if (failed.has(socket) || linger.isClosing(socket)) return
      failed.add(socket)
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy()
        return
      }
      discardInput(socket)
      refuseAfterResponses(socket, problemOf(error, socket))
    },
    onConnect(request) {
      const { socket } = request
      keepResponding(socket)
      discardInput(socket)
      refuseAfterResponses(socket, formRefusal(request) ?? connectNotAllowed(), request)
    },
  }
}

/** Does what Node's own listeners do for the responses on a connection, which are removed at CONNECT. */
function keepResponding(socket: Socket): void {
  // Without a listener, the reset of the connection would end the process.
  socket.on('error', () => socket.destroy())
  socket.on('timeout', () => socket.destroy())
  socket.on('drain', () => responseOf(socket)?.emit('drain'))
}

function connectNotAllowed(): AppError {
  return new AppError('method_not_allowed', 'CONNECT is not allowed here.', { headers: { allow: '' } })
}

function problemOf(error: ClientError, socket: Socket): AppError {
  const line = failedLine(error, socket)
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('request_timeout', 'The request did not arrive in time.')
    case 'HPE_HEADER_OVERFLOW':
      return isRequestTarget(line) ? uriTooLong() : headersTooLarge(error, socket)
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new AppError('body_too_large', 'The extensions of the chunks are larger than 16 KiB.')
    case 'HPE_INVALID_METHOD':
      return isRequestLine(line)
        ? new AppError('not_implemented', 'No resource has this method.')
        : noRequest()
    case 'HPE_INVALID_VERSION':
      return versionRefusal(line)
    case 'HPE_PAUSED_H2_UPGRADE':
      return unsupportedVersion('2.0')
    default:
      return noRequest()
  }
}

/** The parser reports both limits as one, and counts the trailer section of a body as it does the header section. */
function headersTooLarge(error: ClientError, socket: Socket): AppError {
  const { begun, isWhole } = sectionBegun(error, socket)
  const isTrailer = incompleteRequestOf(socket) !== undefined
  const isLong = begun.length >= headerBytesMax
  const hasManyLines = begun.split('\n').length > headerFieldsMax
  // The body before a trailer section may have lines too.
  const mayHaveManyBytes = (isLong || !isWhole) && (isTrailer || !hasManyLines)
  const faults = [
    ...(hasManyLines || !isLong ? [tooManyFields] : []),
    ...(mayHaveManyBytes ? ['more than 16 KiB'] : []),
  ]
  const section = isTrailer ? 'trailer' : 'header'
  return new AppError('headers_too_large', `The ${section} section has ${faults.join(', or ')}.`)
}

/** What one packet contains of the section that the parser failed in, and whether that is all since its beginning. */
function sectionBegun({ rawPacket, bytesParsed }: ClientError, { bytesRead }: Socket) {
  const packet = Buffer.isBuffer(rawPacket) ? rawPacket : Buffer.of()
  const parsed = packet.toString('latin1', 0, bytesParsed)
  const end = parsed.lastIndexOf('\r\n\r\n')
  return { begun: parsed.slice(end < 0 ? 0 : end + 4), isWhole: end >= 0 || bytesRead === packet.length }
}

function noRequest(): AppError {
  return new AppError('malformed', 'The bytes received are not an HTTP request.')
}

/** The part of a line that one packet contains: it may begin in an earlier packet and end in a later one. */
type Line = {
  text: string
  /** How many of its characters the parser accepted. */
  parsed: number
  mayHaveBegun: boolean
  isWhole: boolean
}

/** The line that the parser failed in. */
function failedLine({ rawPacket, bytesParsed = 0 }: ClientError, { bytesRead }: Socket): Line {
  const packet = Buffer.isBuffer(rawPacket) ? rawPacket : Buffer.of()
  const start = bytesParsed === 0 ? 0 : packet.lastIndexOf(0x0a, bytesParsed - 1) + 1
  const end = packet.indexOf(0x0a, start)
  return {
    text: packet.toString('latin1', start, end < 0 ? undefined : end),
    parsed: Math.max(0, bytesParsed - start),
    mayHaveBegun: start === 0 && bytesRead > packet.length,
    isWhole: end >= 0,
  }
}

/** Whether a line in which the method is at fault is a request line otherwise. */
function isRequestLine({ text, parsed, mayHaveBegun, isWhole }: Line): boolean {
  // A body may stand before the method, of which what is also that of another method has been parsed.
  const [method = ''] = endOfMethod.exec(text.slice(0, parsed)) ?? []
  const start = parsed - method.length
  // The method may have been in an earlier packet as far as it is that of another method too.
  const line = `${mayHaveBegun && start === 0 ? 'X' : ''}${text.slice(start)}`
  return (isWhole ? requestLine : beginningOfRequestLine).test(line)
}

/** Whether a line that is too long is that of a request, before which a body may stand, rather than that of a field. */
function isRequestTarget({ text, mayHaveBegun }: Line): boolean {
  if (mayHaveBegun || fieldName.test(text)) return beginningOfTarget.test(text)
  return beginningOfTargetAfterBody.test(text)
}

function versionRefusal({ text, mayHaveBegun }: Line): AppError {
  const [, version] = otherVersion.exec(text) ?? []
  if (version !== undefined) return unsupportedVersion(version)
  return mayHaveBegun && endOfVersion.test(text) ? unsupportedVersion() : noRequest()
}

const requestLine = /^[!#$%&'*+.^`|~\w-]+ \S+ HTTP\/\d\.\d\r$/
const beginningOfRequestLine = /^[!#$%&'*+.^`|~\w-]+(?: \S*)?$/
const endOfMethod = /[A-Z-]{0,16}$/
const fieldName = /^[!#$%&'*+.^`|~\w-]+:/
const beginningOfTarget = /^[A-Z-]+ (?:\/|https?:\/\/)/
const beginningOfTargetAfterBody = /[A-Z] (?:\/|https?:\/\/)/
const endOfVersion = /^(?:(?:H?T{0,2}P?\/)?\d)?(?:\.?\d)?\r?$/
const otherVersion = / HTTP\/(?!1\.[01]\r?$)(\d\.\d)\r?$/

/** Handles the requests for which Node emits other events than `request`. */
export function respondToOddRequests(server: Server, onConnect: (request: IncomingMessage) => void): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  // 100 Continue is sent once the body is read, so that what is refused without it gets its final status alone (RFC 9110, 10.1.1).
  server.on('checkContinue', (request, response) => {
    request.once('resume', () => {
      if (!response.headersSent && hasMeaningfulBody(request)) response.writeContinue()
    })
    server.emit('request', request, response)
  })
  server.on('connect', onConnect)
}
