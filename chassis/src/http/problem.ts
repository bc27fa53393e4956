import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerResponse } from 'node:http'
import { Type } from 'typebox'
import { AppError, errorCodes, isOutOfDescriptors } from '../errors/index.ts'
import type { ErrorCode } from '../errors/index.ts'
import type { AppOptions } from './app-options.ts'
import { bodyTooLarge } from './body-limit.ts'
import { problemType } from './negotiation.ts'

// An import of node:http would evaluate all of its exports, among them WebSocket and with it undici.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

const alias = Type.Optional(
  Type.String({ description: 'The same as `detail`, for clients of older interfaces.' }),
)
const detailAliases = { error: alias, description: alias, message: alias }

/** A problem document as RFC 9457 defines it; `errors` has what is wrong by field name. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A URI for the kind of problem.' }),
    title: Type.String({ description: 'The kind of problem in words.' }),
    status: Type.Integer({ description: 'The status of the response.' }),
    detail: Type.String({ description: 'What is wrong in this case.' }),
    instance: Type.String({ description: 'The id of the request, under which the log has more.' }),
    errors: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'What is wrong, by field.' }),
    ),
    'violated-policies': Type.Optional(
      Type.Array(Type.String(), { description: 'The policies of limits or quotas that refuse the request.' }),
    ),
    ...detailAliases,
  },
  { title: 'Problem', description: 'A problem document (RFC 9457).' },
)

/** The error responses of a route for its OpenAPI description. */
export function problems(...statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: STATUS_CODES[status] ?? 'Error',
        content: { 'application/problem+json': { schema: Problem } },
      },
    ]),
  )
}

/**
 * Sends the problem document of an error, and logs the cause of a fault of the server, if it has one. Refusals under overload have
 * none: their reason is logged once, and each has its access line.
 */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  {
    logger,
    detailAlias,
    countShed,
  }: Pick<AppOptions, 'logger' | 'detailAlias'> & { countShed?: (problem: AppError) => void },
): void {
  const problem = error === request.raw.errored ? clientClosedRequest() : toAppError(error, request)
  countShed?.(problem)
  if (problem.status >= 500 && (problem.code === 'internal' || problem.cause !== undefined)) {
    const level = problem.code === 'internal' ? 'error' : 'warn'
    logger[level](
      { err: problem.cause ?? problem, requestId: request.id, code: problem.code },
      problem.message,
    )
  }
  // The framework would close the connection after any error of a body; `closeUnlessRead` does where it must.
  if (reply.hasHeader('connection'))
    reply.header('connection', reply.raw.shouldKeepAlive ? 'keep-alive' : 'close')
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', String(problem.retryAfterSeconds))
  reply
    .code(problem.status)
    .headers(problem.headers ?? {})
    .type(problemType(request))
    .send(JSON.stringify(problemDocument(problem, request.id, detailAlias)))
}

/** Responds with the problem document of an error where the framework has no part in it. */
export function respondProblem(
  response: ServerResponse,
  problem: AppError,
  requestId: string,
  detailAlias: AppOptions['detailAlias'],
): void {
  const { status, retryAfterSeconds } = problem
  const body = JSON.stringify(problemDocument(problem, requestId, detailAlias))
  response.writeHead(status, [
    ...['x-request-id', requestId],
    ...['content-type', 'application/problem+json; charset=utf-8'],
    ...['content-length', String(Buffer.byteLength(body))],
    ...(retryAfterSeconds === undefined ? [] : ['retry-after', String(retryAfterSeconds)]),
  ])
  response.end(body)
}

/** A client that closed the connection before it sent its whole request; the response is not sent. */
function clientClosedRequest(): AppError {
  return new AppError('client_closed_request', 'The client closed the connection.')
}

/** The document itself; `instance` is the id of the request. */
export function problemDocument(
  error: AppError,
  instance: string,
  detailAlias?: AppOptions['detailAlias'],
): Record<string, unknown> {
  const code: { title: string; type?: string } = errorCodes[error.code]
  return {
    type: code.type ?? `urn:quintet:problem:${error.code.replaceAll('_', '-')}`,
    title: error.code === 'refused' ? STATUS_CODES[error.status] : code.title,
    status: error.status,
    detail: error.message,
    instance,
    ...(error.errors !== undefined && { errors: error.errors }),
    ...(error.violatedPolicies !== undefined && { 'violated-policies': error.violatedPolicies }),
    ...(detailAlias !== undefined && { [detailAlias]: error.message }),
  }
}

/** Errors that the framework raises before a handler runs. */
const frameworkErrors: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_BAD_URL: ['malformed', 'The path is not a valid percent-encoding.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed', 'The body is empty where JSON was expected.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed', 'The length of the body differs from Content-Length.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed', 'The body is not well-formed JSON.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'Send the body as Content-Type: application/json.',
  ],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'A segment of the path is too long to be an id.'],
}

/**
 * The error to publish for whatever was thrown at a request. What the framework or a library refuses keeps its status and headers,
 * but not its text, which may be meant for the log.
 */
export function toAppError(error: unknown, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error
  const code = memberOf(error, 'code')
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return bodyTooLarge(request.routeOptions.bodyLimit)
  const [known, detail] = frameworkErrors[String(code)] ?? []
  if (known !== undefined && detail !== undefined) return new AppError(known, detail)
  const status = memberOf(error, 'statusCode')
  if (error instanceof SyntaxError && status === 400)
    return new AppError('malformed', 'The body is not well-formed JSON.')
  if (status === 503) return new AppError('overloaded', 'The service is shutting down.')
  if (isOutOfDescriptors(error))
    return new AppError('overloaded', 'The service has too many files and connections open.', {
      cause: error,
    })
  if (typeof status === 'number' && status >= 400 && status < 500) return refusalOf(status, error)
  return new AppError('internal', 'Internal error; the log has details under this request id.', {
    cause: error,
  })
}

function refusalOf(status: number, error: unknown): AppError {
  const headers = Object.entries(Object(memberOf(error, 'headers'))).map(([name, value]) => [
    name,
    String(value),
  ])
  return new AppError(codeByStatus.get(status) ?? 'refused', `${STATUS_CODES[status] ?? 'Refused'}.`, {
    status,
    headers: Object.fromEntries(headers),
  })
}

/** The first code of each status. */
const codeByStatus = new Map<number, ErrorCode>(
  Object.entries(errorCodes)
    .reverse()
    .map(([code, { status }]) => [status, code as ErrorCode]),
)

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** The line that a response begins with. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n`
}
