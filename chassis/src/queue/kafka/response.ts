import { findErrorBy } from '@platformatic/kafka'
import { withTimeout } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'

/** The response, or an error that may be shown to clients when there is none in time. */
export async function withResponse<T>(response: Promise<T>, timeoutMs: number): Promise<T> {
  try {
    return await withTimeout(timeoutMs, response)
  } catch (error) {
    throw error instanceof AppError ? error : dependencyDown(faultOf(error), error)
  }
}

/** An error that Kafka marks as retriable, such as one during the election of a leader. */
export function isRetriable(error: unknown): boolean {
  return error instanceof Error && findErrorBy(error, 'canRetry', false) === null
}

function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Kafka does not respond.'
  if (findErrorBy(error, 'code', 'PLT_KFK_AUTHENTICATION'))
    return 'Kafka does not accept the user and the password.'
  const apiId = findErrorBy(error, 'canRetry', false)?.apiId
  return typeof apiId === 'string' ? `Kafka refuses with ${apiId}.` : 'Kafka does not respond.'
}
