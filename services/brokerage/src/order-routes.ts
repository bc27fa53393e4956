import type { Clock } from '@quintet/chassis/clock'
import { mayChange, rowAccessOf } from '@quintet/chassis/guard'
import { boundUnread, clientNetworkOf } from '@quintet/chassis/http'
import type { App, FastifyRequest, Idempotency } from '@quintet/chassis/http'
import type { RecordedResponse, ResponseRecorder } from '@quintet/chassis/idempotency'
import { accountIdOf } from './account-path.ts'
import { readOrders } from './bodies.ts'
import type { Arrival } from './bodies.ts'
import { formatDecimal } from './decimal.ts'
import { balancesOf } from './decisions.ts'
import { isForm } from './form.ts'
import { NewOrderForm, OutcomeEnvelope } from './form-schemas.ts'
import type { Order, OrderClock } from './order.ts'
import { accountNotFound } from './order-processor.ts'
import type { OrderProcessor } from './order-processor.ts'
import type { AccountStore } from './port.ts'
import { bodyOf, bothFormats, errors, formatsNote, formRefusals, success } from './request-formats.ts'
import { createRestore, withBalances } from './response-balances.ts'
import { responseFormatOf } from './response-format.ts'
import { AccountPath, NewOrders, OutcomesBody } from './schemas.ts'
import type { Turns } from './turns.ts'

const tags = ['brokerage']
/** Responses to orders that are longer than this, and how many of them may be unread; each may have 3 MB. */
const largeBytesMin = 65_536
const unreadMax = 64

export type OrderRouteParts = {
  accounts: AccountStore
  orderProcessor: OrderProcessor
  idempotency: Idempotency
  clock: Clock
  /** The clock that market hours are checked against for orders in JSON. */
  marketClock: OrderClock
  turns: Turns
}

export function orderRoutes(app: App, parts: OrderRouteParts): void {
  const { accounts, orderProcessor, idempotency, clock, marketClock, turns } = parts
  const restoreInTurn = createRestore(accounts, turns)
  const holdUnread = boundUnread(unreadMax)

  app.post(
    '/accounts/:id/orders',
    {
      ...bothFormats,
      schema: {
        tags,
        operationId: 'placeOrders',
        summary: 'Place an order, or a batch of orders',
        supports: ['Idempotency-Key', 'handling=strict'],
        description:
          'With `Prefer: handling=strict` a refused order is a problem, 409 for a duplicate and else 422. ' +
          formatsNote,
        params: AccountPath,
        body: bodyOf(NewOrders, NewOrderForm),
        response: {
          200: success('The outcome of each order', OutcomesBody, OutcomeEnvelope),
          ...errors(400, 404, 406, 409, 413, 415, 422),
          ...formRefusals,
        },
      },
    },
    (request, reply) => {
      const { body, params } = request
      const orders = readOrders(body, arrivalOf(request))
      const accountId = accountIdOf(params)
      const format = responseFormatOf(request)
      const access = rowAccessOf(request.raw)
      const checkOwner = async () => {
        const owner = await accounts.findOwner(accountId)
        if (owner === undefined || !mayChange(access, owner)) throw accountNotFound()
      }
      const place = async (record: ResponseRecorder) => {
        // Otherwise the processor finds out whether there is such an account. Its owner never changes.
        if (!access.changesAll) await checkOwner()
        const response = await orderProcessor.place(accountId, orders, async (outcomes) => {
          const placed = format.ordersPlaced(outcomes, Array.isArray(body))
          return {
            response: await withBalances(placed, balancesOf(outcomes), format.print, turns),
            records: isRecorded(request) ? record(placed) : [],
          }
        })
        return hold(response)
      }
      const restore = async (recorded: RecordedResponse) => {
        const client = clientNetworkOf(request)
        const isAbandoned = () => reply.raw.destroyed
        return hold(await restoreInTurn(recorded, { client, accountId, print: format.print, isAbandoned }))
      }
      const hold = (response: RecordedResponse) => {
        if (response.body.length > largeBytesMin) holdUnread(clientNetworkOf(request), reply.raw)
        return response
      }
      const find = async () => {
        await checkOwner()
        return {}
      }
      const contentOf = () => {
        const contents = orders.map(orderContent)
        return Array.isArray(body) ? contents : contents[0]
      }
      return idempotency.once(request, reply, place, { find, contentOf, restore })
    },
  )

  function arrivalOf(request: FastifyRequest): Arrival {
    const arrival = { receivedMs: clock.now(), isRecorded: isRecorded(request) }
    return isForm(request.headers['content-type'])
      ? { ...arrival, hoursBy: 'server', duplicatesBy: 'server', isInSequence: true }
      : { ...arrival, hoursBy: marketClock, duplicatesBy: 'order', isInSequence: false }
  }
}

/** Whether the response is recorded. */
function isRecorded({ headers }: FastifyRequest): boolean {
  return headers['idempotency-key'] !== undefined
}

/** The content of an order, whatever the notation of its numbers. */
function orderContent({ operation, issuer, shares, price, timestampMs, clientOrderId }: Order): object {
  const numbers = { shares: formatDecimal(shares), price: formatDecimal(price), timestampMs }
  return { operation, issuer, ...numbers, clientOrderId }
}
