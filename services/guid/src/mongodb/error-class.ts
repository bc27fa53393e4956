import { BSON, MongoAPIError, MongoError, MongoNetworkError, MongoServerError } from 'mongodb'
import { AppError, dependencyDown } from '@quintet/chassis/errors'

/** What a failed command means for who asked for it. */
type ErrorClass = 'invalid' | 'not_applied' | 'overloaded' | 'ambiguous'

/** What a command rejects with that may have changed something; a duplicate key stays as the driver tells it. */
export function writeError(error: unknown): unknown {
  if (error instanceof AppError || isDuplicateKey(error)) return error
  const failure = classifyError(error)
  if (failure === 'invalid') return new Error('The database refused a command.', { cause: error })
  if (failure === 'overloaded')
    return new AppError('overloaded', 'Too many requests are waiting for the database.', { cause: error })
  if (failure === 'not_applied') return away(error)
  return new AppError('outcome_unknown', 'The database did not say whether the change was made.', {
    cause: error,
  })
}

/** What a read rejects with. */
export function readError(error: unknown): unknown {
  if (error instanceof AppError) return error
  const failure = classifyError(error)
  if (failure === 'invalid') return new Error('The database refused a query.', { cause: error })
  if (failure === 'overloaded')
    return new AppError('overloaded', 'Too many requests are waiting for the database.', { cause: error })
  return away(error)
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.name === 'MongoServerError' && error.code === 11_000
}

/** The driver tells by the kind of an error how far a command had come. */
function classifyError(error: unknown): ErrorClass {
  if (error instanceof TypeError || error instanceof BSON.BSONError) return 'invalid'
  // Not a fault of this server or that one, but of the name: it was not found, and nothing was sent.
  if (!(error instanceof MongoError))
    return error instanceof Error && 'syscall' in error ? 'not_applied' : 'ambiguous'
  if (error.name === 'MongoWaitQueueTimeoutError') return 'overloaded'
  if (beforeSending.has(error.name)) return 'not_applied'
  if (error instanceof MongoNetworkError)
    return whileConnecting.some((label) => error.hasErrorLabel(label)) ? 'not_applied' : 'ambiguous'
  if (error instanceof MongoServerError) return classifyCode(error)
  return error instanceof MongoAPIError ? 'invalid' : 'ambiguous'
}

/** A pool is cleared before a command gets its connection, or, with another name, amid commands. */
const beforeSending = new Set([
  'MongoServerSelectionError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoTopologyClosedError',
  'MongoServerClosedError',
  'MongoNotConnectedError',
  'MongoClientClosedError',
])

/** How the driver labels what failed before a connection was there to send a command on. */
const whileConnecting = ['HandshakeError', 'SystemOverloadedError']

/** By the server's code; one that stepped down or ran out of time amid a write does not say how far it had come. */
function classifyCode(error: MongoServerError): ErrorClass {
  if (error.name === 'MongoWriteConcernError') return 'ambiguous'
  const code = Number(error.code)
  if (refusals.has(code) || accessFaults.has(code)) return 'not_applied'
  return ownFaults.has(code) ? 'invalid' : 'ambiguous'
}

/** Unauthorized, UserNotFound, AuthenticationFailed, and Atlas's own word for these. */
const accessFaults = new Set([13, 11, 18, 8_000])
/** NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary: judged before anything is begun. */
const refusals = new Set([10_107, 13_435, 13_436])
/** BadValue, FailedToParse, TypeMismatch, the names of fields, a document that is too large. */
const ownFaults = new Set([2, 9, 14, 40, 52, 55, 56, 57, 66, 10_334, 17_280, 17_419])

function away(cause: unknown): AppError {
  if (cause instanceof MongoServerError && accessFaults.has(Number(cause.code)))
    return dependencyDown('The database refuses the user or the password.', cause)
  return dependencyDown('The database does not answer.', cause)
}
