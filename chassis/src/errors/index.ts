import { fileReason } from '../files/file-reason.ts'

/**
 * Every error that a client can receive, with its HTTP status and the title of its problem document. The table is closed: any
 * other error becomes `internal`, whose cause is logged and never sent.
 */
export const errorCodes = {
  /** A refusal by the framework or a library, with a status that is not in this table. */
  refused: { status: 400, title: 'Refused' },
  malformed: { status: 400, title: 'Malformed request' },
  invalid: { status: 400, title: 'Invalid input' },
  unauthorized: { status: 401, title: 'Unauthorized' },
  invalid_token: { status: 401, title: 'Invalid token' },
  forbidden: { status: 403, title: 'Forbidden' },
  insufficient_scope: { status: 403, title: 'Insufficient scope' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  not_acceptable: { status: 406, title: 'Not acceptable' },
  request_timeout: { status: 408, title: 'Request timeout' },
  conflict: { status: 409, title: 'Conflict' },
  idempotency_in_flight: { status: 409, title: 'Idempotency key in flight' },
  gone: { status: 410, title: 'Gone' },
  precondition_failed: { status: 412, title: 'Precondition failed' },
  body_too_large: { status: 413, title: 'Body too large' },
  uri_too_long: { status: 414, title: 'URI too long' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  expectation_failed: { status: 417, title: 'Expectation failed' },
  misdirected: { status: 421, title: 'Misdirected request' },
  unprocessable: { status: 422, title: 'Unprocessable content' },
  idempotency_mismatch: { status: 422, title: 'Idempotency key used with another request' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  /** A limit or quota that is configured, not one of the process; the type is of draft-ietf-httpapi-ratelimit-headers-10. */
  quota_exceeded: {
    status: 429,
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  },
  headers_too_large: { status: 431, title: 'Headers too large' },
  client_closed_request: { status: 499, title: 'Client closed request' },
  internal: { status: 500, title: 'Internal error' },
  not_implemented: { status: 501, title: 'Not implemented' },
  bad_gateway: { status: 502, title: 'Bad gateway' },
  overloaded: { status: 503, title: 'Overloaded' },
  dependency_down: { status: 503, title: 'Dependency unavailable' },
  outcome_unknown: { status: 503, title: 'Outcome unknown' },
  gateway_timeout: { status: 504, title: 'Gateway timeout' },
  http_version_not_supported: { status: 505, title: 'HTTP version not supported' },
} as const

export type ErrorCode = keyof typeof errorCodes

/** `headers` are sent with the response; `cause` is only logged. */
type AppErrorOptions = {
  cause?: unknown
  /** Of a refusal by the framework or a library; any other error has that of its code. */
  status?: number
  /** What is wrong with the input, by field name. */
  errors?: Readonly<Record<string, string>>
  headers?: Readonly<Record<string, string>>
  /** The names of the policies of limits that refuse the request. */
  violatedPolicies?: readonly string[]
  /** The `Retry-After` header, in seconds; for a 503 it is 1 by default. */
  retryAfterSeconds?: number
}

/** The one error that code throws on purpose. `message` is the `detail` of the problem document, so it must be fit for clients. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly errors: Readonly<Record<string, string>> | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly violatedPolicies: readonly string[] | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.status = options.status ?? errorCodes[code].status
    this.errors = options.errors
    this.headers = options.headers
    this.violatedPolicies = options.violatedPolicies
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.status === 503 ? 1 : undefined)
  }
}

/** A migration that failed. `operatorMessage` adds the service, which is not known where the migration runs. */
export class MigrationError extends AppError {
  constructor(migration: string, cause: unknown) {
    const reason = operatorMessage(cause) ?? (cause instanceof Error ? cause.message : String(cause))
    super(cause instanceof AppError ? cause.code : 'internal', `migration ${migration}: ${reason}`, { cause })
    this.name = 'MigrationError'
  }
}

/** One or several invalid fields, reported together. */
export function invalid(
  errors: Readonly<Record<string, string>>,
  code: 'invalid' | 'unprocessable' = 'invalid',
): AppError {
  return new AppError(code, Object.values(errors).join(' '), { errors })
}

/** A dependency is unavailable, and nothing was changed. */
export function dependencyDown(detail: string, cause?: unknown): AppError {
  return new AppError('dependency_down', detail, { cause })
}

/** Whether the process, or the system, has no descriptor left to open a file or a connection with. */
export function isOutOfDescriptors(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EMFILE' || code === 'ENFILE'
}

/**
 * Whether the system found or reached no server, so that nothing was sent. A client may also pass on what the system reports while a
 * request is being written, from other calls with the same codes.
 */
export function isConnectError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && connectCalls.has(String(error.syscall))
}

const connectCalls = new Set(['querySrv', 'queryTxt', 'getaddrinfo', 'connect'])

/**
 * A line for the operator of a program that cannot go on, where the fault is not the program's: an AppError, or an error of the
 * system or of a driver, which has a code. Undefined for any other. `service` is the one whose migration failed.
 */
export function operatorMessage(error: unknown, service?: string): string | undefined {
  if (error instanceof MigrationError)
    return service === undefined ? error.message : `${service}, ${error.message}`
  if (error instanceof AppError) {
    const cause = error.cause === undefined ? undefined : operatorMessage(error.cause)
    return cause === undefined ? error.message : `${error.message} ${cause}`
  }
  if (!(error instanceof Error) || !('code' in error)) return undefined
  const reason = fileReason(error)
  if (reason !== undefined && 'path' in error) return `${error.path} ${reason}.`
  const code = String(error.code)
  // Node's own codes are of misuse, but for those of SQLite.
  if (code.startsWith('ERR_') && code !== 'ERR_SQLITE_ERROR') return undefined
  const details = error instanceof AggregateError ? error.errors : [error]
  return [...new Set(details.map((each) => (each instanceof Error ? each.message : String(each))))].join('; ')
}
