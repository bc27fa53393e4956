import type { IncomingMessage } from 'node:http'
import { AppError } from '../errors/index.ts'

/** A dot segment in the path, however its dots and slashes are written (RFC 3986, 3.3 and 5.2.4). */
const dotSegment = /^[^?]*(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\?]|%2f|%5c|$)/i

/**
 * Why a request is refused whatever it asks for, though the parser admits it: servers differ in what they make of it, so that
 * one could be made to see another request than the next. Undefined when there is no reason.
 */
export function malformedRequest(request: IncomingMessage): AppError | undefined {
  const { url = '', httpVersion, headers } = request
  if (httpVersion !== '1.1') {
    if (httpVersion !== '1.0') return malformed(`HTTP/${httpVersion} is not supported; use HTTP/1.1.`)
    // RFC 9112, 6.1: the length of such a request cannot be relied on.
    if (headers['transfer-encoding'] !== undefined)
      return malformed('A request of HTTP/1.0 cannot have a transfer coding.')
  }
  if (url.includes('#')) return malformed('The request target must not have a fragment.')
  return dotSegment.test(url) ? malformed('The path must not have dot segments.') : undefined
}

function malformed(detail: string): AppError {
  return new AppError('malformed', detail, { headers: { connection: 'close' } })
}
