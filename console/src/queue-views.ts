import { TimeoutError, withTimeout } from '@quintet/chassis/clock'
import { operatorMessage } from '@quintet/chassis/errors'
import { deadQueueOf, isDeadQueue } from '@quintet/chassis/queue'
import type { StoredMessage } from '@quintet/chassis/queue'
import { parseTraceparent } from '@quintet/chassis/telemetry'
import type { ConsoleParts } from './parts.ts'
import type { QueueMessage, QueueSummary } from './wire/index.ts'

const timeoutMs = 2_000
const bodyBytesShown = 2_048
/** What is shown of a body that was asked for as a whole. */
const bodyBytesMax = 1_048_576
const headersMax = 100
const headerLengthMax = 2_048

type Broker = Awaited<ReturnType<ConsoleParts['brokers']>>[number]

/** Messages of a queue, each second. */
export type RatesOf = (queue: string) => Pick<QueueSummary, 'published' | 'done' | 'failed'>

const unknownRates = { published: null, done: null, failed: null }

/** Every queue with what it holds. Those of a broker that does not respond are without figures. */
export async function summariesOf(
  brokers: readonly Broker[],
  ratesOf: RatesOf = () => unknownRates,
): Promise<QueueSummary[]> {
  const summaries = brokers.map(({ kind, url, admin, queues }) =>
    queues.map(async ({ name, service }) => ({
      ...{ name, broker: kind, url, service },
      ...(await withTimeout(timeoutMs, heldIn(admin, name)).catch(unknownFor)),
      ...ratesOf(name),
    })),
  )
  return Promise.all(summaries.flat())
}

async function heldIn(
  admin: Broker['admin'],
  name: string,
): Promise<Pick<QueueSummary, 'live' | 'dead' | 'oldestAgeMs' | 'fault'>> {
  const [live, dead, oldestAgeMs = null] = await Promise.all([
    admin.depth(name),
    admin.depth(deadQueueOf(name)),
    admin.oldestAgeMs?.(name),
  ])
  return { live, dead, oldestAgeMs, fault: null }
}

function unknownFor(error: unknown) {
  const fault =
    error instanceof TimeoutError
      ? `The broker has not responded within ${timeoutMs / 1_000} s.`
      : (operatorMessage(error) ?? 'The broker does not respond.')
  return { live: null, dead: null, oldestAgeMs: null, fault }
}

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
