import type { FastifyRequest } from 'fastify'
import { AppError } from '../errors/index.ts'

/** Everything is JSON but the pages for people, to which `/` leads them, and the text for Prometheus. */
const otherThanJson = /^\/($|(docs|metrics)(\/|$))/

/** The 406 of a request whose `Accept` excludes what the route sends; undefined for any other. */
export function notAcceptable(request: FastifyRequest): AppError | undefined {
  const { accept } = request.headers
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return undefined
  if (request.accepts().type(['application/json', 'application/problem+json']) !== false) return undefined
  if (otherThanJson.test(request.routeOptions.url ?? '')) return undefined
  return new AppError(
    'not_acceptable',
    'This service sends application/json only; the Accept header excludes it.',
  )
}

/** The media type for a problem document: its own, unless the client admits plain JSON only (RFC 9457, 3). */
export function problemType(request: FastifyRequest): string {
  const { accept } = request.headers
  if (accept === undefined || accept === '*/*') return 'application/problem+json; charset=utf-8'
  const accepted = request.accepts().type(['application/problem+json', 'application/json'])
  return `${accepted === 'application/json' ? accepted : 'application/problem+json'}; charset=utf-8`
}
