import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import type { CancellationReason } from '@aws-sdk/client-dynamodb'
import { AppError, dependencyDown } from '@quintet/chassis/errors'

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

/** No response arrived, so the request may or may not have had its effect. */
export function isAmbiguous(error: unknown): boolean {
  // Refused by this process, before anything was sent.
  if (error instanceof AppError) return false
  if (nameOf(error) === 'InternalServerError') return true
  return !hasResponse(error) && !isUnreachable(error)
}

/** Whether DynamoDB cannot be reached, so that nothing was sent. */
export function isUnreachable(error: unknown): boolean {
  return connectErrors.has(codeOf(error))
}

/** The indexes of the items of a transaction whose conditions failed. */
export function failedConditions(error: unknown): readonly number[] {
  if (!(error instanceof TransactionCanceledException)) return []
  return reasonsOf(error).flatMap(({ Code }, i) => (Code === 'ConditionalCheckFailed' ? [i] : []))
}

export function nameOf(error: unknown): string {
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

/** The connection was never established, so nothing was sent. */
const connectErrors = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

const credentialErrors = new Set([
  'AccessDeniedException',
  'CredentialsProviderError',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
])

/** Whether DynamoDB has responded, whatever it was. */
export function hasResponse(error: unknown): boolean {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : undefined
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? metadata.httpStatusCode !== undefined
    : false
}

function reasonsOf({ CancellationReasons }: TransactionCanceledException): readonly CancellationReason[] {
  return CancellationReasons ?? []
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
