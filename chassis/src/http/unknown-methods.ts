import type { IncomingMessage, RequestListener } from 'node:http'
import { AppError } from '../errors/index.ts'
import type { AppOptions } from './app-options.ts'
import { problemDocument } from './problem.ts'
import { formRefusal } from './request-form.ts'

/**
 * Refuses requests of HTTP/2 with a method that the parser of HTTP/1.1 does not know, which have none here. The framework would respond
 * without its hooks, and so without what the guard has decided, and without a record.
 */
export function refuseUnknownMethods(
  next: RequestListener,
  {
    requestIdOf,
    record,
    detailAlias,
  }: {
    requestIdOf: (request: IncomingMessage) => string
    record: (
      request: IncomingMessage,
      requestId: string,
      route: string,
      status: number,
      durationMs: number,
    ) => void
    detailAlias: AppOptions['detailAlias']
  },
): RequestListener {
  return (request, response) => {
    if (request.method !== '') return next(request, response)
    const startedAt = performance.now()
    const id = requestIdOf(request)
    const problem = formRefusal(request) ?? new AppError('not_implemented', 'No resource has this method.')
    response.once('close', () =>
      record(request, id, 'unknown', problem.status, performance.now() - startedAt),
    )
    const body = JSON.stringify(problemDocument(problem, id, detailAlias))
    response.writeHead(problem.status, [
      ...['x-request-id', id],
      ...['content-type', 'application/problem+json; charset=utf-8'],
      ...['content-length', String(Buffer.byteLength(body))],
    ])
    response.end(body)
  }
}
