import type { Clock } from '@quintet/chassis/clock'
import { FailedAttempt, PoisonMessage, untilAvailable } from '@quintet/chassis/queue'
import type { Delivery } from '@quintet/chassis/queue'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'
import type { Attempt, NotificationStore, Progress } from './notification-store.ts'
import { postWebhook } from './webhook.ts'
import type { PostResult, Receiver } from './webhook.ts'

const backoffFirstMs = 1_000
const backoffMaxMs = 3_600_000

/** From a second, doubling up to an hour, with a jitter of up to a fifth, so that retries do not coincide. */
export function notificationBackoffMs(attempt: number, random = Math.random()): number {
  return Math.min(backoffMaxMs, backoffFirstMs * 2 ** (attempt - 1)) * (0.8 + random / 5)
}

/**
 * Posts notifications to the receiver and logs each attempt. The queue retries a failed one until the last attempt. Attempts are counted by
 * the log, since RabbitMQ and Kafka do not keep their number when a consumer ends; and what was delivered already is not sent again when
 * they deliver it once more. While the database is unavailable notifications wait here; `stopping` ends the wait.
 */
export function createNotificationHandler({
  notifications,
  receiver,
  attemptsMax,
  clock,
  logger,
  stopping,
}: {
  notifications: Pick<NotificationStore, 'progressOf' | 'logAttempt'>
  receiver: Receiver
  attemptsMax: number
  clock: Clock
  logger: Logger
  stopping: AbortSignal
}): (delivery: Delivery) => Promise<void> {
  const log = createFailureLog(logger, {
    failing:
      'notifications wait, because the database does not respond: check it, for example by quintet doctor',
    recovered: 'notifications are sent again',
  })

  async function progressOf(deliveryId: string): Promise<Progress | undefined> {
    let progress: Progress | undefined
    const read = async () => {
      progress = await notifications.progressOf(deliveryId)
    }
    await untilAvailable(read, { stopping, log })
    return progress
  }

  /** A dead letter that was replayed has as many attempts as it had before. */
  const nextAttempt = (attempts: number) => (attempts % attemptsMax) + 1

  return async ({ id: deliveryId, body: message, attempt: attemptOfQueue }) => {
    const { event, body } = parse(message)
    const progress = await progressOf(deliveryId)
    if (progress?.status === 'delivered') return
    const attempt = progress === undefined ? attemptOfQueue : nextAttempt(progress.attempts)
    const at = clock.now()
    const result = await postWebhook(receiver, { deliveryId, event, body }, at)
    const logged: Attempt = { at, ...result }
    if (isDelivered(result)) return notifications.logAttempt(deliveryId, logged, 'delivered')
    await notifications.logAttempt(deliveryId, logged, attempt < attemptsMax ? 'pending' : 'failed')
    throw new FailedAttempt(attempt, faultOf(receiver, result))
  }
}

/** For operators. The path and the query of the URL can hold a token of the receiver, so they are left out. */
function faultOf({ url }: Receiver, result: PostResult): string {
  const fault = 'status' in result ? `responded with status ${result.status}` : `gave ${result.error}`
  return `The receiver of CERTIFICATES_NOTIFY_URL, ${new URL(url).origin}, ${fault}: check that it runs and responds with 2xx.`
}

function isDelivered(result: PostResult): boolean {
  return 'status' in result && result.status >= 200 && result.status <= 299
}

type NotificationMessage = Static<typeof NotificationMessage>
const NotificationMessage = Type.Object({ event: Type.String(), body: Type.String() })

function parse(text: string): NotificationMessage {
  try {
    const message: unknown = JSON.parse(text)
    if (Check(NotificationMessage, message)) return message
  } catch (cause) {
    throw new PoisonMessage('The notification is not JSON.', { cause })
  }
  throw new PoisonMessage('The message is not a notification.')
}
