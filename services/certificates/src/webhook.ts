import { createHmac } from 'node:crypto'

/** The receiver of notifications: its URL, the secret of signatures, and the timeout. */
export type Receiver = { readonly url: string; readonly secret: string; readonly timeoutMs: number }

type Webhook = { readonly deliveryId: string; readonly event: string; readonly body: string }

/** The status of the response, or the reason why there is none. */
export type PostResult = { status: number } | { error: string }

/**
 * Posts to the receiver once. Redirects are not followed, since they would send a signed message elsewhere. The body of the
 * response is ignored.
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

/** HMAC-SHA256 of timestamp, dot and body in hexadecimal. The timestamp lets the receiver reject replayed messages. */
function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
}

/** The cause of the error, since the error of fetch itself says only that it failed. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no response within ${timeoutMs} ms`
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return 'no response'
  return `no response (${'code' in cause ? String(cause.code) : cause.message.slice(0, reasonLengthMax)})`
}

const reasonLengthMax = 100
