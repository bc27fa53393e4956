import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import { AppError, errorCodes } from '../errors/index.ts'
import type { ErrorCode } from '../errors/index.ts'
import type { AppOptions } from './app-options.ts'
import { problemType } from './negotiation.ts'

// An import of node:http would evaluate all of its exports, among them WebSocket and with it undici.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** A problem document as RFC 9457 defines it; `errors` has what is wrong by field name. */
const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String({ description: 'The id of the request, under which the log has more.' }),
    errors: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { title: 'Problem', description: 'A problem document (RFC 9457).' },
)

/** The error responses of a route for its OpenAPI description. */
export function problems(...statuses: readonly number[]): Record<number, TSchema> {
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
 * Sends the problem document of an error, and logs a fault of the server that has a cause. Refusals by the thousand have none:
 * their reason was logged when it arose, and each has its access line.
 */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { logger, detailAlias }: Pick<AppOptions, 'logger' | 'detailAlias'>,
): void {
  const problem = toAppError(error)
  if (problem.status >= 500 && (problem.code === 'internal' || problem.cause !== undefined)) {
    const level = problem.code === 'internal' ? 'error' : 'warn'
    logger[level](
      { err: problem.cause ?? problem, requestId: request.id, code: problem.code },
      problem.message,
    )
  }
  if (problem.code === 'body_too_large') drainBody(request, reply)
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', String(problem.retryAfterSeconds))
  reply
    .code(problem.status)
    .headers(problem.headers ?? {})
    .type(problemType(request))
    .send(JSON.stringify(problemDocument(problem, request.id, detailAlias)))
}

/**
 * The framework would close the connection, and a client that is still sending would find it reset before it reads the
 * response. So the rest of the body is read and discarded, within the time limit of a request.
 */
function drainBody(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('connection', 'keep-alive')
  request.raw.resume()
}

/** The document itself; `instance` is the id of the request. */
export function problemDocument(
  error: AppError,
  instance: string,
  detailAlias?: AppOptions['detailAlias'],
): Record<string, unknown> {
  return {
    type: `urn:quintet:problem:${error.code.replaceAll('_', '-')}`,
    title: errorCodes[error.code].title,
    status: error.status,
    detail: error.message,
    instance,
    ...(error.errors !== undefined && { errors: error.errors }),
    ...(detailAlias !== undefined && { [detailAlias]: error.message }),
  }
}

/** Errors that the framework raises before a handler runs. */
const frameworkErrors: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_BAD_URL: ['malformed', 'The path is not a valid percent-encoding.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'The body is larger than 1 MiB.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed', 'The body is empty where JSON was expected.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed', 'The length of the body differs from Content-Length.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed', 'The body is not well-formed JSON.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'Send the body as Content-Type: application/json.',
  ],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'A segment of the path is too long to be an id.'],
}

/** The error to publish for whatever was thrown. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const code = memberOf(error, 'code')
  const statusCode = memberOf(error, 'statusCode')
  const [known, detail] = frameworkErrors[String(code)] ?? []
  if (known !== undefined && detail !== undefined) return new AppError(known, detail)
  if (error instanceof SyntaxError && statusCode === 400)
    return new AppError('malformed', 'The body is not well-formed JSON.')
  if (statusCode === 503) return new AppError('overloaded', 'The service is shutting down.')
  return new AppError('internal', 'Internal error; the log has details under this request id.', {
    cause: error,
  })
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Responds to bytes that are no HTTP request, or that came too slowly, or were too many. */
export function respondToClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem =
    clientErrors[error.code ?? ''] ?? new AppError('malformed', 'The bytes received are not an HTTP request.')
  const body = JSON.stringify(problemDocument(problem, ''))
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

const clientErrors: Readonly<Record<string, AppError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: new AppError('request_timeout', 'The request did not arrive in time.'),
  HPE_HEADER_OVERFLOW: new AppError('headers_too_large', 'The headers are larger than 16 KiB.'),
}
