import type { MessageToProduce } from '@platformatic/kafka'
import type { FailureDetails } from '../dispatcher.ts'
import type { StoredMessage, Message } from '../port.ts'
import { countFrom, textFrom, timeFrom } from '../stored-headers.ts'

/** The mapping of messages to Kafka: key and body are key and value, byte for byte; everything else is in headers. */

const idHeader = 'quintet-id'
const attemptsHeader = 'quintet-attempts'
const reasonHeader = 'quintet-reason'
const failedAtHeader = 'quintet-failed-at'
const removedHeader = 'quintet-removed'
const own = new Set([idHeader, attemptsHeader, reasonHeader, failedAtHeader, removedHeader])

/** A record and its place in the topic. */
export type KafkaRecord = {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<string, string>
}

export type RecordToProduce = MessageToProduce<Buffer, Buffer, Buffer, Buffer>

export function recordOf(
  topic: string,
  { id, key, body, headers }: Message,
  failure?: FailureDetails,
): RecordToProduce {
  const entries = Object.entries({
    ...headers,
    [idHeader]: id,
    ...(failure !== undefined && {
      [attemptsHeader]: String(failure.attempts),
      [reasonHeader]: failure.reason,
      [failedAtHeader]: String(failure.failedAt),
    }),
  })
  return {
    topic,
    ...(key !== '' && { key: Buffer.from(key) }),
    value: Buffer.from(body),
    headers: new Map(entries.map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
  }
}

/** Marks a dead letter as removed: a record cannot be deleted from the middle of a topic. */
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

/** A message of another program may have no id; its place in the topic identifies it then. */
export function messageOf({ partition, offset, key, value, headers }: KafkaRecord): Message {
  const others = [...headers].filter(([name]) => !own.has(name))
  return {
    id: headers.get(idHeader) || `${partition}-${offset}`,
    key: key?.toString() ?? '',
    body: value?.toString() ?? '',
    ...(others.length > 0 && { headers: Object.fromEntries(others) }),
  }
}

export function storedMessageOf(record: KafkaRecord, position: number): StoredMessage {
  const { headers, timestamp } = record
  const failedAt = timeFrom(numberFrom(headers.get(failedAtHeader)))
  const reason = textFrom(headers.get(reasonHeader))
  return {
    ...messageOf(record),
    position,
    attempts: countFrom(numberFrom(headers.get(attemptsHeader))) ?? 0,
    publishedAt: timeFrom(timestamp) ?? 0,
    ...(failedAt !== undefined && { failedAt }),
    ...(reason !== undefined && { reason }),
  }
}

/** A number in the form in which `recordOf` writes it. */
function numberFrom(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
