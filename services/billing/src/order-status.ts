import { AppError } from '@quintet/chassis/errors'
import { mayRead } from '@quintet/chassis/guard'
import type { RowAccess } from '@quintet/chassis/guard'
import { deadQueueOf } from '@quintet/chassis/queue'
import type { QueueAdmin } from '@quintet/chassis/queue'
import { billingQueue, isSignedWith, unsignedMessageId } from '@quintet/contracts'
import { ownerIn } from './message-owner.ts'
import type { Order, OrderStore } from './order-store.ts'

/** What became of a message: an order, nothing yet, or nothing at all. */
export type OrderStatus =
  | { readonly status: 'stored'; readonly order: Order }
  | { readonly status: 'pending' }
  | { readonly status: 'failed'; readonly error: AppError }

/** What clients are told about a failure that is not the message's own. */
export const notStored = 'The order could not be stored. Its message is kept, and an operator can replay it.'

/**
 * Determines the status of a message; undefined if none of this id was accepted, or if it may not be read. The UUID identifies it: a
 * signature only proves that it was accepted from its owner, where nothing else does, and need not be right for what is stored or has failed.
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
}): (messageId: string, access: RowAccess) => Promise<OrderStatus | undefined> {
  type Look = (messageId: string, access: RowAccess) => Promise<OrderStatus | undefined>

  const stored: Look = async (messageId, access) => {
    const order = await orders.findByMessage(unsignedMessageId(messageId))
    return order !== undefined && mayRead(access, order.owner) ? { status: 'stored', order } : undefined
  }

  /** Another program may have published the id as it is. */
  async function isIn(queueName: string, messageId: string, access: RowAccess): Promise<boolean> {
    const messages = await queue.find?.(queueName, [messageId, unsignedMessageId(messageId)])
    return messages?.some(({ headers }) => mayRead(access, ownerIn(headers))) ?? false
  }

  const waiting: Look = async (messageId, access) =>
    (await isIn(billingQueue, messageId, access)) ? { status: 'pending' } : undefined

  const failed: Look = async (messageId, access) => {
    const failure = await orders.findFailure(unsignedMessageId(messageId))
    if (failure !== undefined && mayRead(access, failure.owner)) {
      const code = failure.code === 'invalid' ? 'invalid' : 'internal'
      return { status: 'failed', error: new AppError(code, failure.detail) }
    }
    const isDead = await isIn(deadQueueOf(billingQueue), messageId, access)
    return isDead ? { status: 'failed', error: new AppError('internal', notStored) } : undefined
  }

  /** The gateway responds with the id only once the message is durable. */
  function accepted(messageId: string, { owner }: RowAccess): OrderStatus | undefined {
    if (idKey === undefined) return undefined
    const isAccepted = [null, owner].some((one) => isSignedWith(messageId, idKey, one))
    return isAccepted ? { status: 'pending' } : undefined
  }

  return async (messageId, access) =>
    (await stored(messageId, access)) ??
    (await waiting(messageId, access)) ??
    (await failed(messageId, access)) ??
    // It may have been handled since the first look.
    (await stored(messageId, access)) ??
    accepted(messageId, access)
}
