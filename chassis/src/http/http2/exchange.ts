import { AppError } from '../../errors/index.ts'
import type { Timeouts } from '../app-options.ts'
import type { Bounded } from '../connections/bounded-connection.ts'
import { problemDocument } from '../problem.ts'
import type { Http2Request } from './request.ts'
import type { Http2Response } from './response.ts'

/** RFC 9113, 7. */
const noError = 0x00

/** A request and its response on a stream. */
export type StreamExchange = Bounded & {
  readonly request: Http2Request
  /** Refuses a request that has not arrived in time, and ends a response that its client does not read. */
  check(now: number, requestMs: number): void
  /** The stream has been closed. */
  end(): void
}

export function createStreamExchange(
  request: Http2Request,
  response: Http2Response,
  { stallMs }: Pick<Timeouts, 'stallMs'>,
): StreamExchange {
  const { stream } = request
  const begunAtMs = performance.now()
  let unread = 0
  let changedAtMs = begunAtMs
  // What is left of a body whose response is complete is not worth reading (RFC 9113, 8.1).
  stream.once('finish', () => {
    if (!request.complete) stream.close(noError)
  })

  /** What has been written, and not taken by the client. */
  function pending(): number {
    return stream.writableLength + stream.bufferSize
  }

  function refuseLate(): void {
    if (stream.headersSent) return void response.destroy()
    const problem = new AppError('request_timeout', 'The request did not arrive in time.')
    const body = JSON.stringify(problemDocument(problem, String(response.getHeader('x-request-id') ?? '')))
    // It is recorded when the stream closes.
    response.statusCode = problem.status
    stream.respond({
      ':status': problem.status,
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    })
    stream.end(body)
  }

  return {
    request,
    passedBytes: () => request.bytesRead + (stream.headersSent ? 1 : 0) - pending(),
    isServed: () => stream.headersSent,
    waitsForClient: () => !request.complete || pending() > 0,
    close: () => void response.destroy(),
    check(now, requestMs) {
      if (stream.closed) return
      if (!request.complete && !stream.writableEnded && now - begunAtMs > requestMs) return refuseLate()
      const waiting = pending()
      if (waiting === 0 || waiting !== unread) changedAtMs = now
      unread = waiting
      if (now - changedAtMs > stallMs) response.destroy()
    },
    end() {
      if (!request.complete) request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
    },
  }
}
