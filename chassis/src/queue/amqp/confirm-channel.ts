import type { ChannelModel, Options } from 'amqplib'
import { AppError, dependencyDown } from '../../errors/index.ts'

const confirmTimeoutMs = 5_000
const checkIntervalMs = 500

/** A channel in confirm mode. */
export type ConfirmChannel = {
  /**
   * Publishes to the default exchange, by the name of the queue. Resolves when the broker has confirmed the message *and* has not
   * returned it: a message without a queue is confirmed too, right after it was returned.
   */
  send(queue: string, body: string, options: Options.Publish): Promise<void>
  /** Resolves when no message waits for its confirmation. */
  drain(): Promise<void>
}

/** A message that waits for its confirmation. */
type Unconfirmed = {
  readonly sentAt: number
  readonly confirmed: PromiseWithResolvers<void>
  isReturned: boolean
}

export async function openConfirmChannel(
  connection: ChannelModel,
  { onReturn, onClose }: { onReturn: (queue: string) => void; onClose: () => void },
): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel().catch((error: unknown) => {
    throw brokerDown(error)
  })
  /** By correlation id, by which a returned message is recognized; oldest first. */
  const unconfirmed = new Map<string, Unconfirmed>()
  let sequence = 0
  const timer = setInterval(failExpired, checkIntervalMs).unref()

  channel.on('error', () => {})
  channel.on('return', ({ properties, fields }) => {
    const message = unconfirmed.get(String(properties.correlationId))
    if (message !== undefined) message.isReturned = true
    onReturn(String(fields.routingKey))
  })
  channel.on('close', () => {
    clearInterval(timer)
    for (const correlationId of unconfirmed.keys()) settle(correlationId, connectionLost())
    onClose()
  })

  function settle(correlationId: string, error?: Error): void {
    const message = unconfirmed.get(correlationId)
    if (message === undefined) return
    unconfirmed.delete(correlationId)
    if (error === undefined) message.confirmed.resolve()
    else message.confirmed.reject(error)
  }

  function failExpired(): void {
    const expiredBefore = performance.now() - confirmTimeoutMs
    for (const [correlationId, { sentAt }] of unconfirmed) {
      if (sentAt > expiredBefore) break
      settle(correlationId, outcomeUnknown('The message broker did not confirm the message in time.'))
    }
  }

  return {
    send(queue, body, options) {
      sequence += 1
      const correlationId = String(sequence)
      const confirmed = Promise.withResolvers<void>()
      const message = { sentAt: performance.now(), confirmed, isReturned: false }
      unconfirmed.set(correlationId, message)
      try {
        const properties = { ...options, correlationId, mandatory: true, persistent: true }
        channel.publish('', queue, Buffer.from(body), properties, (error: unknown) =>
          settle(correlationId, faultOf(error, message)),
        )
      } catch (error) {
        settle(correlationId, brokerDown(error))
      }
      return confirmed.promise
    },
    async drain() {
      await Promise.allSettled(Array.from(unconfirmed.values(), ({ confirmed }) => confirmed.promise))
    },
  }
}

/** The client calls back with an error for what the broker refused, and, when the channel closes, for all that is unconfirmed. */
function faultOf(error: unknown, { isReturned }: Unconfirmed): AppError | undefined {
  if (isReturned) return notAccepted(error)
  if (!(error instanceof Error)) return undefined
  return error.message === 'message nacked' ? notAccepted(error) : connectionLost()
}

function connectionLost(): AppError {
  return outcomeUnknown('The connection to the message broker was lost.')
}

/** For what was not sent. */
export function brokerDown(cause: unknown): AppError {
  return dependencyDown('The message broker does not respond.', cause)
}

function notAccepted(cause?: unknown): AppError {
  return dependencyDown('The message broker did not take the message; nothing was posted.', cause)
}

function outcomeUnknown(detail: string): AppError {
  return new AppError('outcome_unknown', detail)
}
