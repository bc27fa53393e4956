import type { MessageToProduce } from '@platformatic/kafka'
import type { StoredMessage, Message } from '../port.ts'

/** How messages look in Kafka: key and body are key and value, byte for byte; everything else stands in headers. */

const idHeader = 'quintet-id'
const attemptsHeader = 'quintet-attempts'
const reasonHeader = 'quintet-reason'
const failedAtHeader = 'quintet-failed-at'
const removedHeader = 'quintet-removed'
const own = new Set([idHeader, attemptsHeader, reasonHeader, failedAtHeader, removedHeader])

/** A record where it stands in its topic. */
export type KafkaRecord = {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<string, string>
}

/** What is known of a dead letter beside what was published. */
export type FailureDetails = { readonly attempts: number; readonly reason: string; readonly failedAt: number }

export type RecordToProduce = MessageToProduce<Buffer, Buffer, Buffer, Buffer>

export function recordOf(
  topic: string,
  { id, key, body, headers }: Message,
  fate?: FailureDetails,
): RecordToProduce {
  const entries = Object.entries({
    ...headers,
    [idHeader]: id,
    ...(fate !== undefined && {
      [attemptsHeader]: String(fate.attempts),
      [reasonHeader]: fate.reason,
      [failedAtHeader]: String(fate.failedAt),
    }),
  })
  return {
    topic,
    ...(key !== '' && { key: Buffer.from(key) }),
    value: Buffer.from(body),
    headers: new Map(entries.map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
  }
}

/** Says that a dead letter is gone; records cannot be taken out of the middle of a topic. */
export function removalOf(topic: string, id: string): RecordToProduce {
  return {
    topic,
    value: Buffer.alloc(0),
    headers: new Map([
      [Buffer.from(idHeader), Buffer.from(id)],
      [Buffer.from(removedHeader), Buffer.from('true')],
    ]),
  }
}

export function isRemoval({ headers }: KafkaRecord): boolean {
  return headers.has(removedHeader)
}

/** What another program published need not have an id; the place where it stands is one that never changes. */
export function messageOf({ partition, offset, key, value, headers }: KafkaRecord): Message {
  const others = [...headers].filter(([name]) => !own.has(name))
  return {
    id: headers.get(idHeader) ?? `${partition}-${offset}`,
    key: key?.toString() ?? '',
    body: value?.toString() ?? '',
    ...(others.length > 0 && { headers: Object.fromEntries(others) }),
  }
}

export function storedMessageOf(record: KafkaRecord, position: number): StoredMessage {
  const { headers, timestamp } = record
  const failedAt = headers.get(failedAtHeader)
  const reason = headers.get(reasonHeader)
  return {
    ...messageOf(record),
    position,
    attempts: Number(headers.get(attemptsHeader) ?? 0),
    publishedAt: timestamp,
    ...(failedAt !== undefined && { failedAt: Number(failedAt) }),
    ...(reason !== undefined && { reason }),
  }
}
