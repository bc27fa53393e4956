import type { Clock } from '@quintet/chassis/clock'
import { linkToNextPage, decodeCursor, problems, encodeCursor, sendJson } from '@quintet/chassis/http'
import type { App, FastifyReply, FastifyRequest, Idempotency } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { accountIdOf } from './account-path.ts'
import { readOrders } from './bodies.ts'
import type { Arrival } from './bodies.ts'
import { isForm } from './form.ts'
import type { OrderClock } from './order.ts'
import { accountNotFound } from './order-processor.ts'
import type { OrderProcessor } from './order-processor.ts'
import type { AccountStore, Page } from './port.ts'
import { ledgerEntryBody, orderBody } from './representations.ts'
import { bothFormats, consumes, formatsNote } from './request-formats.ts'
import { responseFormatOf } from './response-format.ts'
import { AccountPath, LedgerEntryBody, NewOrders, OrderBody, OutcomesBody, PageQuery } from './schemas.ts'

const tags = ['brokerage']
const pageSize = 100

export type OrderRouteParts = {
  accounts: AccountStore
  orderProcessor: OrderProcessor
  idempotency: Idempotency
  clock: Clock
  /** The clock that market hours are checked against for orders in JSON. */
  marketClock: OrderClock
}

export function orderRoutes(app: App, parts: OrderRouteParts): void {
  const { accounts, orderProcessor, idempotency, clock, marketClock } = parts

  app.post(
    '/accounts/:id/orders',
    {
      ...bothFormats,
      schema: {
        tags,
        consumes,
        operationId: 'placeOrders',
        summary: 'Place an order, or a batch of orders',
        description:
          'With `Prefer: handling=strict` a refused order is a problem, 409 for a duplicate and else 422. ' +
          formatsNote,
        params: AccountPath,
        body: NewOrders,
        response: { 200: OutcomesBody, ...problems(400, 404, 409, 413, 415, 422, 503) },
      },
    },
    (request, reply) => {
      const { body, params } = request
      const orders = readOrders(body, arrivalOf(request))
      const accountId = accountIdOf(params)
      const format = responseFormatOf(request)
      return idempotency.once(request, reply, (record) =>
        orderProcessor.place(accountId, orders, (outcomes) => {
          const response = format.ordersPlaced(outcomes, Array.isArray(body))
          return { response, records: record(response) }
        }),
      )
    },
  )

  app.get(
    '/accounts/:id/orders',
    {
      schema: {
        tags,
        operationId: 'listAccountOrders',
        summary: 'List the orders of an account, accepted and refused, oldest first',
        params: AccountPath,
        querystring: PageQuery,
        response: { 200: Type.Array(OrderBody), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query)
      const rows = await accounts.listOrders(await existingAccountId(request.params), page)
      sendPage(request, reply, page, rows, orderBody)
    },
  )

  app.get(
    '/accounts/:id/ledger',
    {
      schema: {
        tags,
        operationId: 'listLedger',
        summary: 'List every change of the cash and the shares of an account, oldest first',
        params: AccountPath,
        querystring: PageQuery,
        response: { 200: Type.Array(LedgerEntryBody), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query)
      const entries = await accounts.listLedger(await existingAccountId(request.params), page)
      sendPage(request, reply, page, entries, ledgerEntryBody)
    },
  )

  function arrivalOf(request: FastifyRequest): Arrival {
    return isForm(request.headers['content-type'])
      ? { receivedMs: clock.now(), hoursBy: 'server', duplicatesBy: 'server', isInSequence: true }
      : { receivedMs: clock.now(), hoursBy: marketClock, duplicatesBy: 'order', isInSequence: false }
  }

  async function existingAccountId(params: Static<typeof AccountPath>): Promise<number> {
    const id = accountIdOf(params)
    if ((await accounts.find(id)) === undefined) throw accountNotFound()
    return id
  }
}

function readPage({ limit, cursor }: Static<typeof PageQuery>): Page {
  const [after] = cursor === undefined ? [-1] : decodeCursor(cursor, ['number'])
  return { after: Number(after), limit: limit ?? pageSize }
}

function sendPage<Row extends { readonly sequence: number }>(
  request: FastifyRequest,
  reply: FastifyReply,
  { limit }: Page,
  rows: readonly Row[],
  bodyOf: (row: Row) => unknown,
): void {
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last !== undefined) reply.header('link', linkToNextPage(request.url, encodeCursor([last.sequence])))
  sendJson(reply, JSON.stringify(rows.map(bodyOf)))
}
