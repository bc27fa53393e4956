import { AppError } from '@quintet/chassis/errors'
import { mayRead, rowAccessOf } from '@quintet/chassis/guard'
import type { RowAccess } from '@quintet/chassis/guard'
import { describeOperations, isStorable, problemDocument, problems, sendJson } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { parseId, sendRows } from '@quintet/chassis/resource'
import type { Page } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { createOrderStatus, OrderStatus } from './order-status.ts'
import type { Order, OrderStore } from './order-store.ts'
import { MessagePath, OrderBody, OrderPath, OrderQuery, OrderStatusBody } from './schemas.ts'

const operation = describeOperations('billing')
const notFound = () => new AppError('not_found', 'Order not found.')

type Parts = {
  readonly orders: OrderStore
  readonly statusOf: ReturnType<typeof createOrderStatus>
}

/** The HTTP interface of billing, which is read-only: orders come by the queue. */
export function billingRoutes(app: App, { orders, statusOf }: Parts): void {
  app.get(
    '/orders',
    operation('listOrders', 'List orders, in the order in which they were stored', {
      description:
        'All orders, or those of one user, page by page. Where clients are authenticated, only their own are listed.',
      querystring: OrderQuery,
      response: { 200: Type.Array(OrderBody), ...problems(400) },
    }),
    (request, reply) => {
      const { user_id: userId } = request.query
      const { readsAll, owner } = rowAccessOf(request.raw)
      const filter = { userId, ...(!readsAll && { owner }) }
      const read = (page: Page) => orders.list(page, filter)
      return sendRows(request, reply, { read, textOf })
    },
  )

  app.get(
    '/orders/:id',
    operation('getOrder', 'Get an order', {
      description: 'An order as it was posted, with the id under which it is stored.',
      params: OrderPath,
      response: { 200: OrderBody, ...problems(404) },
    }),
    async (request, reply) => {
      const order = await orders.find(parseId(request.params.id, notFound))
      if (order === undefined || !mayRead(rowAccessOf(request.raw), order.owner)) throw notFound()
      sendJson(reply, textOf(order))
    },
  )

  app.get(
    '/orders/by-message/:message_id',
    operation('getOrderOfMessage', 'Get what became of a message', {
      description:
        'The status is `pending` while the message waits, `stored` once it is an order, and `failed` when it has become a dead letter. ' +
        '404 for a message that was never accepted.',
      params: MessagePath,
      response: { 200: OrderStatusBody, ...problems(404) },
    }),
    async (request, reply) => {
      const { message_id: id } = request.params
      const status = isStorable(id) ? await statusInEitherCase(id, rowAccessOf(request.raw)) : undefined
      if (status === undefined) throw new AppError('not_found', 'No message of this id was accepted.')
      sendJson(reply, statusText(status, request.id))
    },
  )

  /** The gateway makes UUIDs in lower case, which are the same in upper case (RFC 9562, 4). Other programs may send any id. */
  async function statusInEitherCase(id: string, access: RowAccess): Promise<OrderStatus | undefined> {
    const found = await statusOf(id, access)
    const lower = uuid.test(id) ? id.toLowerCase() : id
    return found === undefined && lower !== id ? statusOf(lower, access) : found
  }
}

/** With the signature that ids of the gateway may have. */
const uuid = /^[\dA-F]{8}(?:-[\dA-F]{4}){3}-[\dA-F]{12}(?:-[\dA-F]{16})?$/i

function statusText(status: OrderStatus, requestId: string): string {
  if (status.status === 'stored') return `{"status":"stored","order":${textOf(status.order)}}`
  if (status.status === 'pending') return '{"status":"pending"}'
  return JSON.stringify({ status: 'failed', problem: problemDocument(status.error, requestId, 'message') })
}

/** An order in the notation of its message. */
function textOf({ id, user_id, number_of_items, total_amount }: Order): string {
  return JSON.stringify({ id, user_id, number_of_items: String(number_of_items), total_amount })
}
