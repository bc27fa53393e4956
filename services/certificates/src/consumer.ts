import type { Clock } from '@quintet/chassis/clock'
import { PoisonMessage } from '@quintet/chassis/queue'
import type { Delivery } from '@quintet/chassis/queue'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'
import type { Attempt, NotificationStore } from './notification-store.ts'
import { postWebhook } from './webhook.ts'
import type { PostResult, Receiver } from './webhook.ts'

const backoffFirstMs = 1_000
const backoffMaxMs = 3_600_000

/** From a second, doubling up to an hour, with a jitter of up to a fifth, so that retries do not coincide. */
export function notificationBackoffMs(attempt: number, random = Math.random()): number {
  return Math.min(backoffMaxMs, backoffFirstMs * 2 ** (attempt - 1)) * (0.8 + random / 5)
}

/** Posts notifications to the receiver and logs each attempt. The queue retries a failed one until the last attempt. */
export function createNotificationHandler({
  notifications,
  receiver,
  attemptsMax,
  clock,
}: {
  notifications: NotificationStore
  receiver: Receiver
  attemptsMax: number
  clock: Clock
}): (delivery: Delivery) => Promise<void> {
  return async ({ id: deliveryId, body: message, attempt }) => {
    const { event, body } = parse(message)
    const at = clock.now()
    const result = await postWebhook(receiver, { deliveryId, event, body }, at)
    const logged: Attempt = { at, ...result }
    if (isDelivered(result)) return notifications.logAttempt(deliveryId, logged, 'delivered')
    await notifications.logAttempt(deliveryId, logged, attempt < attemptsMax ? 'pending' : 'failed')
    throw new Error(faultOf(receiver, result))
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
