import { DynamoDBServiceException, TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import type { CancellationReason } from '@aws-sdk/client-dynamodb'
import { AppError, dependencyDown, isConnectError } from '@quintet/chassis/errors'

/** Translates an error of the client; one that is a defect of this program is returned unchanged. */
export function translateError(error: unknown): unknown {
  if (error instanceof AppError) return error
  const name = nameOf(error)
  if (isTransient(error)) return throttled(error)
  if (name === 'ResourceNotFoundException')
    return dependencyDown('The table does not exist: run quintet migrate up.', error)
  if (credentialErrors.has(name))
    return dependencyDown('The credentials for DynamoDB are missing or refused.', error)
  return hasResponse(error) ? error : unavailable(error)
}

export function unavailable(cause: unknown): AppError {
  return dependencyDown('DynamoDB does not respond.', cause)
}

export function throttled(cause?: unknown): AppError {
  return new AppError('overloaded', 'DynamoDB throttles requests; retry.', { cause })
}

export function unknownOutcome(cause: unknown): AppError {
  return new AppError('outcome_unknown', 'DynamoDB did not confirm whether the transaction was committed.', {
    cause,
  })
}

/** The request had no effect and may succeed when it is repeated. */
export function isTransient(error: unknown): boolean {
  if (error instanceof TransactionCanceledException)
    return reasonsOf(error).every(
      ({ Code }) => Code === undefined || Code === 'None' || transientReasons.has(Code),
    )
  return transientErrors.has(nameOf(error))
}

/**
 * Whether the request may have had its effect: unless it was not sent, or DynamoDB has refused it. A response that is incomplete,
 * not its own or about a fault of its own shows neither.
 */
export function isAmbiguous(error: unknown): boolean {
  // Refused by this process, before anything was sent.
  if (error instanceof AppError) return false
  return hasResponse(error) ? error.$fault === 'server' : !isUnreachable(error)
}

/** Whether no connection to DynamoDB was established, so that nothing was sent. An established one may fail with the same codes. */
export function isUnreachable(error: unknown): boolean {
  // The error for several addresses has those of the attempts.
  if (error instanceof AggregateError) return error.errors.every(isUnreachable)
  return isConnectError(error)
}

/** The indexes of the items of a transaction whose conditions failed. */
export function failedConditions(error: unknown): readonly number[] {
  if (!(error instanceof TransactionCanceledException)) return []
  return reasonsOf(error).flatMap(({ Code }, i) => (Code === 'ConditionalCheckFailed' ? [i] : []))
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

const transientErrors = new Set([
  'InternalServerError',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'ThrottlingException',
  'TransactionConflictException',
  'TransactionInProgressException',
])
const transientReasons = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])

const credentialErrors = new Set([
  'AccessDeniedException',
  'CredentialsProviderError',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
])

/** Whether DynamoDB has responded with an error, which was received whole. */
export function hasResponse(error: unknown): error is DynamoDBServiceException {
  return error instanceof DynamoDBServiceException
}

function reasonsOf({ CancellationReasons }: TransactionCanceledException): readonly CancellationReason[] {
  return CancellationReasons ?? []
}
