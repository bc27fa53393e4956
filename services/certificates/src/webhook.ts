import { createHmac } from 'node:crypto'

/** How a notification goes out: where to, signed by what, and how long the receiver may take. */
export type Receiver = { readonly url: string; readonly secret: string; readonly timeoutMs: number }

export type Webhook = { readonly deliveryId: string; readonly event: string; readonly body: string }

/** What came of posting: the status of the answer, or why there was none. */
export type PostResult = { status: number } | { error: string }

/**
 * Posts to the receiver once. Redirects are not followed, since they would lead a signed message elsewhere, and of the answer
 * the status alone is read.
 */
export async function postWebhook(
  { url, secret, timeoutMs }: Receiver,
  { deliveryId, event, body }: Webhook,
  nowMs: number,
): Promise<PostResult> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Quintet-Certificates/1',
    'x-delivery-id': deliveryId,
    'x-event': event,
    'x-timestamp': timestamp,
    'x-signature': `sha256=${signatureOf(secret, timestamp, body)}`,
  }
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
    await response.body?.cancel()
    return { status: response.status }
  } catch (error) {
    return { error: reasonOf(error, timeoutMs) }
  }
}

/** HMAC-SHA256 over the timestamp, a dot and the body, in hexadecimal: an old message cannot be sent anew as a new one. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
}

/** The fault below the one that fetch tells of, which would tell no more than that it failed. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return 'no answer'
  return `no answer (${'code' in cause ? String(cause.code) : cause.message.slice(0, reasonLengthMax)})`
}

const reasonLengthMax = 100
