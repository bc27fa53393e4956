import { randomUUID } from 'node:crypto'
import type { Message as AmqpMessage, Options } from 'amqplib'
import type { Delivery, StoredMessage, Message } from '../port.ts'

/** The mapping of messages to AMQP: the body is the content, byte for byte; everything else is in the properties. */

const attemptHeader = 'x-quintet-attempt'
const reasonHeader = 'x-quintet-reason'
const failedAtHeader = 'x-quintet-failed-at'

/** Attempts and failures of a message. */
export type DeliveryState = {
  readonly attempt?: number
  readonly reason?: string
  readonly failedAt?: number
}

export function propertiesOf(
  { id, headers }: Message,
  { attempt, reason, failedAt }: DeliveryState,
): Options.Publish {
  return {
    messageId: id,
    headers: {
      ...headers,
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
  const headers = ownHeaders(properties.headers)
  return {
    id: typeof properties.messageId === 'string' ? properties.messageId : randomUUID(),
    key: '',
    body: content.toString(),
    ...(Object.keys(headers).length > 0 && { headers }),
    attempt: Number(properties.headers?.[attemptHeader] ?? 1),
  }
}

export function storedMessageOf(message: AmqpMessage, position: number): StoredMessage {
  const { attempt, ...rest } = deliveryOf(message)
  const { headers = {}, timestamp } = message.properties
  const failedAt = Number(headers[failedAtHeader])
  const reason = headers[reasonHeader] ?? headers['x-first-death-reason']
  return {
    ...rest,
    position,
    attempts: attempt,
    publishedAt: Number(timestamp ?? 0) * 1_000,
    ...(Number.isFinite(failedAt) && { failedAt }),
    ...(reason !== undefined && { reason: String(reason) }),
  }
}

/** The headers of the publisher, without those of the broker and of this adapter. */
function ownHeaders(headers: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  const own = Object.entries(headers).filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' && !/^x-(quintet|first|last|death|delivery|acquired)-?/.test(entry[0]),
  )
  return Object.fromEntries(own)
}
