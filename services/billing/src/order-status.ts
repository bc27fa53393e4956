import { AppError } from '@quintet/chassis/errors'
import { deadQueueOf } from '@quintet/chassis/queue'
import type { QueueAdmin } from '@quintet/chassis/queue'
import { billingQueue, isSignedWith, unsignedMessageId } from '@quintet/contracts'
import type { Order, OrderStore } from './order-store.ts'

/** What became of a message: an order, nothing yet, or nothing at all. */
export type OrderStatus =
  | { readonly status: 'stored'; readonly order: Order }
  | { readonly status: 'pending' }
  | { readonly status: 'failed'; readonly error: AppError }

/** What clients are told about a failure that is not the message's own. */
export const notStored = 'The order could not be stored. Its message is kept, and an operator can replay it.'

/**
 * Determines the status of a message; undefined if none of this id was accepted. The UUID identifies it: a signature only proves that
 * it was accepted, where nothing else does, and need not be right for what is stored or has failed.
 */
export function createOrderStatus({
  orders,
  queue,
  idKey,
}: {
  orders: Pick<OrderStore, 'findByMessage' | 'findFailure'>
  queue: Pick<QueueAdmin, 'find'>
  /** What the gateway signs ids with, where the queue cannot look up a message. */
  idKey?: string | undefined
}): (messageId: string) => Promise<OrderStatus | undefined> {
  async function stored(messageId: string): Promise<OrderStatus | undefined> {
    const order = await orders.findByMessage(unsignedMessageId(messageId))
    return order === undefined ? undefined : { status: 'stored', order }
  }

  /** Another program may have published the id as it is. */
  async function isIn(queueName: string, messageId: string): Promise<boolean> {
    for (const id of new Set([messageId, unsignedMessageId(messageId)]))
      if ((await queue.find?.(queueName, id)) !== undefined) return true
    return false
  }

  async function waiting(messageId: string): Promise<OrderStatus | undefined> {
    return (await isIn(billingQueue, messageId)) ? { status: 'pending' } : undefined
  }

  async function failed(messageId: string): Promise<OrderStatus | undefined> {
    const failure = await orders.findFailure(unsignedMessageId(messageId))
    if (failure !== undefined) {
      const code = failure.code === 'invalid' ? 'invalid' : 'internal'
      return { status: 'failed', error: new AppError(code, failure.detail) }
    }
    const isDead = await isIn(deadQueueOf(billingQueue), messageId)
    return isDead ? { status: 'failed', error: new AppError('internal', notStored) } : undefined
  }

  /** The gateway responds with the id only once the message is durable. */
  const accepted = (messageId: string): OrderStatus | undefined =>
    idKey !== undefined && isSignedWith(messageId, idKey) ? { status: 'pending' } : undefined

  return async (messageId) =>
    (await stored(messageId)) ??
    (await waiting(messageId)) ??
    (await failed(messageId)) ??
    // It may have been handled since the first look.
    (await stored(messageId)) ??
    accepted(messageId)
}
