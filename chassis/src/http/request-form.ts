import type { IncomingMessage } from 'node:http'
import { AppError, invalid } from '../errors/index.ts'
import type { ErrorCode } from '../errors/index.ts'
import { nameAndValue, splitOutsideQuotes } from './lists.ts'
import { Http2Request } from './http2/request.ts'
import { nominatedEndToEndField } from './nominated-fields.ts'

const targetLengthMax = 8_192
/**
 * Several times as many as browsers, proxies and tracing send together; many servers admit 100. Each field costs time besides its
 * bytes, so the limit of bytes is not enough.
 */
export const headerFieldsMax = 128
export const headerBytesMax = 16_384

export const tooManyFields = `more than ${headerFieldsMax} fields`

/**
 * Why a request is refused whatever its method and path, although the parser accepts it; undefined if it is not. Servers interpret
 * such requests differently, so an attacker could make one server see another request than the next (request smuggling).
 */
export function formRefusal(request: IncomingMessage): AppError | undefined {
  const { method, url = '', httpVersion, headers } = request
  if (request instanceof Http2Request) {
    if (request.refusal !== undefined) return request.refusal
  } else if (httpVersion !== '1.1') {
    if (httpVersion !== '1.0') return unsupportedVersion(httpVersion)
    // RFC 9112, 6.1: the length of such a request cannot be relied on.
    if (headers['transfer-encoding'] !== undefined)
      return malformed('A request of HTTP/1.0 cannot have a transfer coding.')
  }
  if (url.length > targetLengthMax) return uriTooLong()
  if ((!url.startsWith('/') || method === 'CONNECT') && !isOtherTarget(method, url))
    return malformed(
      method === 'CONNECT'
        ? 'The request target of CONNECT must be a host and a port.'
        : 'The request target must be a path, or an http or https URL without a user.',
    )
  if (url.includes('#')) return malformed('The request target must not have a fragment.')
  if (hasDotSegment(url)) return malformed('The path must not have dot segments.')
  return fieldsRefusal(request)
}

/**
 * Whether a request is to change the protocol of its connection. No protocol is offered here (RFC 9110, 7.8), but Node discards what
 * arrives together with the end of such a request: what comes next may begin within the request behind it, as with its body.
 */
export function mayLoseNextRequest({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /upgrade/i.test(headers.connection ?? '')
}

/** Whether a target that is not a path has the form for its method: the absolute one, or that of the server itself (RFC 9112, 3.2). */
function isOtherTarget(method: string | undefined, url: string): boolean {
  if (method === 'CONNECT') return hostField.test(url) && /^[^:].*:\d+$/.test(url)
  return url === '*' ? method === 'OPTIONS' : absoluteForm.test(url)
}

/**
 * The target as the framework takes it: the path of an absolute form may be empty, which is that of `/`, and of OPTIONS the server
 * itself, unless it has a query (RFC 9112, 3.2.4).
 */
export function routedTarget({ method, url = '' }: IncomingMessage): string {
  if (url.startsWith('/') || !withoutPath.test(url)) return url
  const end = url.indexOf('?')
  if (method === 'OPTIONS' && end < 0) return '*'
  return end < 0 ? `${url}/` : `${url.slice(0, end)}/${url.slice(end)}`
}

/** The same for its header fields alone. */
export function fieldsRefusal({ httpVersion, headers, rawHeaders }: IncomingMessage): AppError | undefined {
  // First, since the server drops the fields beyond.
  if (rawHeaders.length > 2 * headerFieldsMax)
    return refusal('headers_too_large', `The header section has ${tooManyFields}.`)
  const { host, expect, connection, 'transfer-encoding': coding } = headers
  if (host === undefined ? httpVersion !== '1.0' : !hostField.test(host))
    return malformed('The request must have one Host field, with a host and perhaps a port.')
  const nominated = nominatedEndToEndField(connection)
  if (nominated !== undefined)
    return malformed(`Connection must not name ${nominated}, a field for all recipients of the request.`)
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return refusal('not_implemented', 'The only transfer coding that is supported is chunked.')
  if (expect !== undefined && httpVersion !== '1.0' && !expect.split(',').every(isKnownExpectation))
    return refusal('expectation_failed', 'The only expectation that is supported is 100-continue.')
  return undefined
}

/** The methods whose bodies have no meaning (RFC 9110, 9.3): they are not read, whatever they are. */
const withoutMeaning = new Set(['GET', 'HEAD', 'DELETE'])

/** Whether a request has a body that is to be read. Any other is discarded once there is a response. */
export function hasMeaningfulBody({ method = '', headers }: IncomingMessage): boolean {
  return !withoutMeaning.has(method) && hasBody(headers)
}

/**
 * The refusal of a body by its header fields: one in a content coding or in a charset that is not supported (RFC 9110, 15.5.16), or a
 * part of a representation (14.4). Undefined where there is no reason, or no body with a meaning.
 */
export function bodyRefusal(request: IncomingMessage, readsGzip = false): AppError | undefined {
  if (!hasMeaningfulBody(request)) return undefined
  const { method, headers } = request
  if (method === 'PUT' && headers['content-range'] !== undefined)
    return invalid({
      'Content-Range': 'Content-Range must be left out: PUT does not change a range of bytes.',
    })
  const { 'content-encoding': coding, 'content-type': type } = headers
  if (coding !== undefined && !noCoding.test(coding) && !(readsGzip && isGzip(coding))) {
    const detail = `Send the body without a Content-Encoding${readsGzip ? ', or compressed by gzip' : ''}.`
    const headers = { 'accept-encoding': readsGzip ? 'gzip' : 'identity' }
    return new AppError('unsupported_media_type', detail, { headers })
  }
  if (type !== undefined && !isUtf8(type))
    return new AppError('unsupported_media_type', 'Send the body in UTF-8, which is the only charset here.')
  return undefined
}

/** Whether a body was compressed by gzip, and by nothing else (RFC 9110, 8.4.1.3). */
export function isGzip(coding: string | undefined): boolean {
  return /^(?:x-)?gzip$/i.test(coding ?? '')
}

/** Whether a media type has no charset other than UTF-8. */
function isUtf8(type: string): boolean {
  if (!type.includes(';')) return true
  const [, ...parameters] = splitOutsideQuotes(type, ';')
  return parameters.map(nameAndValue).every(([name, value]) => name !== 'charset' || utf8.test(value))
}

const utf8 = /^utf-?8$/i

/** The refusal of a version other than 1.0 and 1.1; one without a version in its request line is no request of HTTP/1. */
export function unsupportedVersion(version?: string): AppError {
  const name = version === undefined ? 'This version of HTTP' : `HTTP/${version}`
  const detail = `${name} is not supported; use HTTP/1.1.`
  return version === '0.9' ? malformed(detail) : refusal('http_version_not_supported', detail)
}

export function uriTooLong(): AppError {
  return refusal('uri_too_long', `The URL is longer than ${targetLengthMax} characters.`)
}

function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** RFC 9110, 10.1.1: a list, whose empty members are ignored. */
function isKnownExpectation(expectation: string): boolean {
  return ['', '100-continue'].includes(expectation.trim().toLowerCase())
}

function malformed(detail: string): AppError {
  return refusal('malformed', detail)
}

function refusal(code: ErrorCode, detail: string): AppError {
  return new AppError(code, detail, { headers: { connection: 'close' } })
}

/** Few targets have a dot at all, and looking for one costs less than the expression. */
function hasDotSegment(url: string): boolean {
  return (url.includes('.') || url.includes('%')) && dotSegment.test(url)
}

/** A dot segment in the path, however its dots and slashes are written (RFC 3986, 3.3 and 5.2.4). */
const dotSegment = /^[^?]*(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\?]|%2f|%5c|$)/i
/** RFC 9110, 7.2. Several fields arrive as one with a comma and a space, which it does not admit. */
const hostField = /^(?:\[[\dA-Fa-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})*)(?::\d*)?$/
const absoluteForm = /^https?:\/\/(?:\[[\dA-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?(?:[/?]|$)/i
const withoutPath = /^https?:\/\/[^/?@]+(?:\?|$)/i
const noCoding = /^(?:identity|[ \t,])*$/i
