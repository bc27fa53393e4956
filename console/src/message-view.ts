import { isDeadQueue } from '@quintet/chassis/queue'
import type { StoredMessage } from '@quintet/chassis/queue'
import { parseTraceparent } from '@quintet/chassis/telemetry'
import type { QueueMessage } from './wire/index.ts'

const bodyBytesShown = 2_048
/** What is shown of a whole body. */
const bodyBytesMax = 1_048_576
const headersMax = 100
const headerLengthMax = 2_048

export function messageView(queue: string, message: StoredMessage, isWhole: boolean): QueueMessage {
  const { position, id, key, body, headers = {}, attempts, publishedAt, reason } = message
  const bytes = Buffer.from(body)
  return {
    ...{ position, id, key, attempts },
    at: publishedAt === 0 ? null : publishedAt,
    reason: reason ?? (isDeadQueue(queue) ? '' : null),
    body: startOf(bytes, isWhole ? bodyBytesMax : bodyBytesShown),
    bodyBytes: bytes.length,
    headers: Object.fromEntries(
      Object.entries(headers)
        .slice(0, headersMax)
        .map(([name, value]) => [name.slice(0, headerLengthMax), value.slice(0, headerLengthMax)]),
    ),
    traceId: parseTraceparent(headers.traceparent)?.traceId ?? '',
  }
}

/** Without a character of which not all bytes are there. */
function startOf(bytes: Buffer, max: number): string {
  return new TextDecoder().decode(bytes.subarray(0, max), { stream: bytes.length > max })
}
