import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '@quintet/chassis/errors'
import { compileCheck, parseExactJson } from '@quintet/chassis/http'
import { PoisonMessage } from '@quintet/chassis/queue'
import type { BatchHandler, Delivery } from '@quintet/chassis/queue'
import type { Logger } from '@quintet/chassis/telemetry'
import { BillingMessage } from '@quintet/contracts'
import type { OrderStore } from './order-store.ts'

const retryAfterMs = 500

/**
 * Makes one order of each message, however often it comes. The messages of a batch are stored as units of their own that
 * share a commit, so that each fares on its own. While the database is away they wait here, since that is no fault of
 * theirs which should bring them among the dead letters; `stopping` ends the wait.
 */
export function createOrderHandler({
  orders,
  logger,
  stopping,
}: {
  orders: Pick<OrderStore, 'store' | 'findByMessage'>
  logger: Logger
  stopping: AbortSignal
}): BatchHandler {
  async function handle({ id, body }: Delivery): Promise<void> {
    const order = readOrder(body)
    for (;;) {
      try {
        return await apply(id, order)
      } catch (error) {
        if (!isAway(error) || stopping.aborted) throw error
        await pause(retryAfterMs, undefined, { signal: stopping }).catch(() => {})
      }
    }
  }

  async function apply(id: string, order: BillingMessage): Promise<void> {
    if (await orders.store(id, order)) return
    const stored = await orders.findByMessage(id)
    if (stored !== undefined && !isSame(order, stored))
      throw new PoisonMessage(`The id of this message is that of order ${stored.id}, which is another.`)
  }

  function tell({ id, attempt, headers }: Delivery, err: unknown): void {
    const trace = { requestId: headers?.['x-request-id'], traceparent: headers?.traceparent }
    logger.warn({ err, messageId: id, attempt, ...trace }, 'a message could not be made an order')
  }

  return async (deliveries) => {
    const failures = new Map<Delivery, unknown>()
    const fail = (delivery: Delivery) => (error: unknown) => {
      failures.set(delivery, error)
      tell(delivery, error)
    }
    await Promise.all(deliveries.map((delivery) => handle(delivery).catch(fail(delivery))))
    return failures
  }
}

const check = compileCheck(BillingMessage)

/** The order of a message, or every reason why it holds none, which no repetition would change. */
export function readOrder(body: string): BillingMessage {
  const judged = check(parse(body))
  if ('error' in judged) throw new PoisonMessage(judged.error.message)
  return judged.value
}

function parse(body: string): unknown {
  try {
    return parseExactJson(body)
  } catch {
    throw new PoisonMessage('The message is not JSON.')
  }
}

function isSame(order: BillingMessage, stored: { [K in keyof BillingMessage]: string | number }): boolean {
  return (
    order.user_id === stored.user_id &&
    order.number_of_items === String(stored.number_of_items) &&
    order.total_amount === stored.total_amount
  )
}

function isAway(error: unknown): boolean {
  return error instanceof AppError && error.status === 503
}
