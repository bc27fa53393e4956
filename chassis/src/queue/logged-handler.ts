import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import { attemptOf, isLastAttempt } from './dispatcher.ts'
import { deadQueueOf, HandlingStopped } from './port.ts'
import type { BatchHandler, Delivery } from './port.ts'

/** Any program may set headers, to up to 128 KiB. */
const headerLengthMax = 128

/** Logs when messages begin to fail, when they are handled again, and when they become dead letters. */
export function loggedHandler(
  handler: BatchHandler,
  { queue, logger, attemptsMax }: { queue: string; logger: FailureLogger | undefined; attemptsMax: number },
): BatchHandler {
  if (logger === undefined) return handler
  const retries = createFailureLog(logger, {
    details: { queue },
    failing: 'messages fail and are retried: fix the cause in "reason"',
    recovered: 'messages are handled again',
  })
  const deadLetters = createFailureLog(logger, {
    details: { queue },
    failing: `messages became dead letters: fix the cause in "reason", then replay or drop them; quintet queue show ${deadQueueOf(queue)} lists them`,
  })

  function record(deliveries: readonly Delivery[], errorOf: (delivery: Delivery) => unknown): void {
    let [hasFailed, hasSucceeded] = [false, false]
    for (const delivery of deliveries) {
      const error = errorOf(delivery)
      if (error instanceof HandlingStopped) continue
      if (error === undefined) {
        hasSucceeded = true
        continue
      }
      const isDead = isLastAttempt(delivery, error, attemptsMax)
      if (isDead) deadLetters.failed(error, detailsOf(delivery, error))
      else retries.failed(error, detailsOf(delivery, error))
      hasFailed ||= !isDead
    }
    // A message that became a dead letter was not handled.
    if (hasSucceeded && !hasFailed) retries.succeeded()
  }

  return async (deliveries) => {
    try {
      const failures = await handler(deliveries)
      record(deliveries, (delivery) => failures.get(delivery))
      return failures
    } catch (error) {
      record(deliveries, () => error ?? new Error('The handler failed.'))
      throw error
    }
  }
}

function detailsOf(delivery: Delivery, error: unknown): object {
  const { id, headers } = delivery
  return {
    messageId: id,
    attempt: attemptOf(delivery, error),
    requestId: headers?.['x-request-id']?.slice(0, headerLengthMax),
    traceparent: headers?.traceparent?.slice(0, headerLengthMax),
  }
}
