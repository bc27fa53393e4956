import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { AppError } from '../errors/index.ts'
import { decisionOf } from '../guard/index.ts'
import type { AppOptions } from './app-options.ts'
import { closeSilently } from './guarded.ts'
import { respondProblem } from './problem.ts'
import type { Recorder } from './recorder.ts'
import { formRefusal } from './request-form.ts'

/**
 * Refuses requests of HTTP/2 with a method that HTTP/1.1 of Node does not have, whose `method` is empty here. The framework would respond
 * without its hooks, and so without what the guard has decided, and without a record.
 */
export function refuseUnknownMethods(
  next: RequestListener,
  {
    server,
    requestIdOf,
    record,
    detailAlias,
  }: {
    server: Server
    requestIdOf: (request: IncomingMessage) => string
    record: Recorder
    detailAlias: AppOptions['detailAlias']
  },
): RequestListener {
  return (request, response) => {
    if (request.method !== '') return next(request, response)
    const startedAt = performance.now()
    const id = requestIdOf(request)
    response.once('close', () =>
      record(request, id, undefined, response.statusCode, performance.now() - startedAt),
    )
    const instead = decisionOf(request)?.instead
    if (instead === 'close') return closeSilently(server, request, response)
    const refusal = formRefusal(request) ?? (instead instanceof AppError ? instead : undefined)
    const problem = refusal ?? new AppError('not_implemented', 'No resource has this method.')
    respondProblem(response, problem, id, detailAlias)
  }
}
