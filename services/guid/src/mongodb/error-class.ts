import { AppError, dependencyDown, isConnectError } from '@quintet/chassis/errors'
import { BSON, MongoAPIError, MongoError, MongoNetworkError, MongoServerError } from 'mongodb'

/** What an error says about a command: `ambiguous` when the command may have been applied. */
type ErrorClass = 'invalid' | 'not_applied' | 'overloaded' | 'ambiguous'

/** The error for the caller of a failed write. A duplicate key keeps the error of the driver. */
export function writeError(error: unknown): unknown {
  if (error instanceof AppError || isDuplicateKey(error)) return error
  if (classifyError(error) !== 'ambiguous') return readError(error)
  const detail = 'The database did not confirm whether the change was made.'
  return new AppError('outcome_unknown', detail, { cause: error })
}

/** The error for the caller of a failed read. */
export function readError(error: unknown): Error {
  if (error instanceof AppError) return error
  const failure = classifyError(error)
  if (failure === 'invalid') return new Error('The database refused a command.', { cause: error })
  if (failure === 'overloaded')
    return new AppError('overloaded', 'Too many requests are waiting for the database.', { cause: error })
  return unavailable(error)
}

/** Whether no member could be selected for the command. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && error.name === 'MongoServerSelectionError'
}

/** Whether a server has responded. */
export function isResponse(error: unknown): boolean {
  return error instanceof MongoServerError
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.name === 'MongoServerError' && error.code === 11_000
}

/** The class of the driver's error shows how far the command has come. */
function classifyError(error: unknown): ErrorClass {
  if (error instanceof TypeError || error instanceof BSON.BSONError) return 'invalid'
  if (!(error instanceof MongoError)) return isConnectError(error) ? 'not_applied' : 'ambiguous'
  if (error.name === 'MongoWaitQueueTimeoutError') return 'overloaded'
  if (beforeSending.has(error.name)) return 'not_applied'
  if (error instanceof MongoNetworkError)
    return whileConnecting.some((label) => error.hasErrorLabel(label)) ? 'not_applied' : 'ambiguous'
  if (error instanceof MongoServerError) return classifyCode(error)
  return error instanceof MongoAPIError ? 'invalid' : 'ambiguous'
}

/** Errors from before a command is sent. A pool that is cleared while commands are running has another error. */
const beforeSending = new Set([
  'MongoServerSelectionError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoTopologyClosedError',
  'MongoServerClosedError',
  'MongoNotConnectedError',
  'MongoClientClosedError',
])

/** The labels of errors from before a connection is established. */
const whileConnecting = ['HandshakeError', 'SystemOverloadedError']

/** By the code of the server. One that steps down or exceeds the time limit during a write may have applied it. */
function classifyCode(error: MongoServerError): ErrorClass {
  if (error.name === 'MongoWriteConcernError') return 'ambiguous'
  const code = Number(error.code)
  if (notPrimary.has(code) || accessDenied.has(code)) return 'not_applied'
  return invalidCommand.has(code) ? 'invalid' : 'ambiguous'
}

/** Unauthorized, UserNotFound, AuthenticationFailed, and the code of Atlas for these. */
const accessDenied = new Set([13, 11, 18, 8_000])
/** NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary: checked before a command is executed. */
const notPrimary = new Set([10_107, 13_435, 13_436])
/** BadValue, FailedToParse, TypeMismatch, invalid field names, a document that is too large. */
const invalidCommand = new Set([2, 9, 14, 40, 52, 55, 56, 57, 66, 10_334, 17_280, 17_419])

function unavailable(cause: unknown): AppError {
  if (cause instanceof MongoServerError && accessDenied.has(Number(cause.code)))
    return dependencyDown('The database refuses the user or the password.', cause)
  return dependencyDown('The database does not respond.', cause)
}
