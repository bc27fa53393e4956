import { randomUUID } from 'node:crypto'
import type { Message as AmqpMessage, Options } from 'amqplib'
import type { Delivery, StoredMessage, Message } from '../port.ts'
import { countFrom, textFrom, timeFrom } from '../stored-headers.ts'

/** The mapping of messages to AMQP: the body is the content, byte for byte; everything else is in the properties. */

const keyHeader = 'x-quintet-key'
const attemptHeader = 'x-quintet-attempt'
const reasonHeader = 'x-quintet-reason'
const failedAtHeader = 'x-quintet-failed-at'

/** In the name of a queue in which messages wait for their next attempt. */
export const retryInfix = '.retry.'

/** Attempts and failures of a message. */
export type DeliveryState = {
  readonly attempt?: number
  readonly reason?: string
  readonly failedAt?: number
  /** Now, if it is absent. */
  readonly publishedAt?: number | undefined
}

export function propertiesOf(
  { id, key, headers }: Message,
  { attempt, reason, failedAt }: DeliveryState,
): Options.Publish {
  return {
    messageId: id,
    headers: {
      ...headers,
      ...(key !== '' && { [keyHeader]: key }),
      ...(attempt !== undefined && { [attemptHeader]: attempt }),
      ...(reason !== undefined && { [reasonHeader]: reason }),
      ...(failedAt !== undefined && { [failedAtHeader]: failedAt }),
    },
  }
}

/**
 * A message of another program may have no id. It gets one here, which it keeps across attempts; if this process dies before
 * the acknowledgement, the message is delivered again with another one.
 */
export function deliveryOf({ content, properties }: AmqpMessage): Delivery {
  const { messageId, headers = {} } = properties
  const own = ownHeaders(headers)
  return {
    id: typeof messageId === 'string' && messageId !== '' ? messageId : randomUUID(),
    key: textFrom(headers[keyHeader]) ?? '',
    body: content.toString(),
    ...(Object.keys(own).length > 0 && { headers: own }),
    attempt: (hasWaited(headers) ? countFrom(headers[attemptHeader]) : undefined) ?? 1,
  }
}

export function storedMessageOf(message: AmqpMessage, position: number): StoredMessage {
  const { attempt, ...rest } = deliveryOf(message)
  const { headers = {} } = message.properties
  const failedAt = timeFrom(headers[failedAtHeader])
  const reason = textFrom(headers[reasonHeader]) ?? textFrom(headers['x-first-death-reason'])
  return {
    ...rest,
    position,
    attempts: failedAt === undefined ? attempt : (countFrom(headers[attemptHeader]) ?? attempt),
    publishedAt: publishedAtOf(message) ?? 0,
    ...(failedAt !== undefined && { failedAt }),
    ...(reason !== undefined && { reason }),
  }
}

export function publishedAtOf({ properties: { timestamp } }: AmqpMessage): number | undefined {
  return timeFrom(typeof timestamp === 'number' ? timestamp * 1_000 : undefined)
}

/**
 * Attempts count only for a message that the broker has returned from a queue in which it waited for its next one, which the
 * broker notes: any other message is new, whatever its headers are.
 */
function hasWaited(headers: Readonly<Record<string, unknown>>): boolean {
  const [death]: unknown[] = Array.isArray(headers['x-death']) ? headers['x-death'] : []
  if (typeof death !== 'object' || death === null || !('queue' in death)) return false
  return typeof death.queue === 'string' && death.queue.includes(retryInfix)
}

/** The headers of the publisher, without those of the broker and of this adapter. */
function ownHeaders(headers: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  const own = Object.entries(headers).filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' && !/^x-(quintet|first|last|death|delivery|acquired)-?/.test(entry[0]),
  )
  return Object.fromEntries(own)
}
