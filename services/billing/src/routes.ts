import { AppError } from '@quintet/chassis/errors'
import { linkToNextPage, decodeCursor, problems, encodeCursor, sendJson } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Order, OrderPage, OrderStore } from './order-store.ts'
import { MessagePath, OrderBody, OrderPath, OrderQuery } from './schemas.ts'

const tags = ['billing']
const pageSize = 100

/** The wire of billing, which reads alone: orders come by the queue. */
export function billingRoutes(app: App, orders: OrderStore): void {
  app.get(
    '/orders',
    {
      schema: {
        tags,
        operationId: 'listOrders',
        summary: 'List orders, in the order in which they were stored',
        querystring: OrderQuery,
        response: { 200: Type.Array(OrderBody), ...problems(400) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query)
      const rows = await orders.list(page)
      const last = rows.length === page.limit ? rows.at(-1) : undefined
      if (last) reply.header('link', linkToNextPage(queryOf(request.url), encodeCursor([last.id])))
      sendJson(reply, `[${rows.map(textOf).join(',')}]`)
    },
  )

  app.get(
    '/orders/:id',
    {
      schema: {
        tags,
        operationId: 'getOrder',
        summary: 'Get an order',
        params: OrderPath,
        response: { 200: OrderBody, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const order = /^[1-9]\d{0,14}$/.test(id) ? await orders.find(Number(id)) : undefined
      if (order === undefined) throw new AppError('not_found', 'Order not found.')
      sendJson(reply, textOf(order))
    },
  )

  app.get(
    '/orders/by-message/:message_id',
    {
      schema: {
        tags,
        operationId: 'getOrderOfMessage',
        summary: 'Get the order that a message has become',
        description: '404 for as long as the message waits, and when there is none.',
        params: MessagePath,
        response: { 200: OrderBody, ...problems(404) },
      },
    },
    async (request, reply) => {
      const order = await orders.findByMessage(request.params.message_id)
      if (order === undefined) throw new AppError('not_found', 'No order has been stored for this message.')
      sendJson(reply, textOf(order))
    },
  )
}

/** In the notation of the message. */
function textOf({ id, user_id, number_of_items, total_amount }: Order): string {
  return JSON.stringify({ id, user_id, number_of_items: String(number_of_items), total_amount })
}

function readPage({ limit, cursor, user_id: userId }: Static<typeof OrderQuery>): OrderPage {
  const [after] = cursor === undefined ? [] : decodeCursor(cursor, ['number'])
  return {
    limit: limit ?? pageSize,
    ...(userId !== undefined && { userId }),
    ...(typeof after === 'number' && { after }),
  }
}

/** Links are relative to the request, since behind the gateway the list has another path. */
function queryOf(url: string): string {
  return url.replace(/^[^?]*/, '')
}
