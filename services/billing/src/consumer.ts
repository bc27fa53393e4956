import type { Owner } from '@quintet/chassis/guard'
import { compileCheck } from '@quintet/chassis/http'
import { duplicateMember, parseExactJson, shortestDecimal } from '@quintet/chassis/json'
import { PoisonMessage, untilAvailable } from '@quintet/chassis/queue'
import type { BatchHandler, Delivery } from '@quintet/chassis/queue'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import { BillingMessage, unsignedMessageId } from '@quintet/contracts'
import { notAnOwner, ownerIn } from './message-owner.ts'
import { notStored } from './order-status.ts'
import type { OrderStore } from './order-store.ts'

const detailLengthMax = 500

/**
 * Makes one order of each message, however often it is delivered. The messages of a batch are units of their own that share a
 * commit, so that each succeeds or fails alone. While the database is unavailable they wait here, since it is no fault of the
 * message that should make it a dead letter; `stopping` ends the wait.
 */
export function createOrderHandler({
  orders,
  logger,
  attemptsMax,
  stopping,
  audited = (_delivery, handle) => handle(),
}: {
  orders: Pick<OrderStore, 'store' | 'findByMessage' | 'fail'>
  logger: Logger
  attemptsMax: number
  stopping: AbortSignal
  /** Handles a message with lines of the audit log. */
  audited?: (delivery: Delivery, handle: () => Promise<void>) => Promise<void>
}): BatchHandler {
  const waits = createFailureLog(logger, {
    failing:
      'orders wait, because the database does not store them: check that it responds, for example by quintet doctor',
    recovered: 'orders are stored again',
  })
  const records = createFailureLog(logger, {
    failing:
      'the failure of a message cannot be recorded, so its status remains pending: check that the database responds, for example by quintet doctor',
    recovered: 'failures of messages are recorded again',
  })

  async function handle({ id, body, headers }: Delivery): Promise<void> {
    const order = readOrder(body)
    const owner = ownerIn(headers)
    if (owner === undefined) throw new PoisonMessage(notAnOwner)
    await untilAvailable(() => apply(unsignedMessageId(id), order, owner), { stopping, log: waits })
  }

  async function apply(id: string, order: BillingMessage, owner: Owner): Promise<void> {
    if (await orders.store(id, order, owner)) return
    const stored = await orders.findByMessage(id)
    if (stored !== undefined && !isSame(order, stored))
      throw new PoisonMessage(`Order ${stored.id} has the id of this message, and another content.`)
  }

  /** Recorded before the message becomes a dead letter. If that fails too, clients read that the message waits. */
  async function recordFailure({ id, attempt, headers }: Delivery, error: unknown): Promise<void> {
    const isPoison = error instanceof PoisonMessage
    if (!isPoison && (attempt < attemptsMax || stopping.aborted)) return
    const detail = isPoison ? error.message.slice(0, detailLengthMax) : notStored
    const failure = {
      message_id: unsignedMessageId(id),
      code: isPoison ? 'invalid' : 'internal',
      detail,
      owner: ownerIn(headers) ?? null,
    }
    await orders
      .fail(failure)
      .then(records.succeeded, (cause: unknown) => records.failed(cause, { messageId: id }))
  }

  return async (deliveries) => {
    const failures = new Map<Delivery, unknown>()
    const fail = (delivery: Delivery) => async (error: unknown) => {
      failures.set(delivery, error)
      await recordFailure(delivery, error)
    }
    await Promise.all(
      deliveries.map((delivery) => audited(delivery, () => handle(delivery)).catch(fail(delivery))),
    )
    return failures
  }
}

const check = compileCheck(BillingMessage)

/** The order in a message; throws every reason why there is none, which no retry would change. */
export function readOrder(body: string): BillingMessage {
  const checked = check(parse(body))
  if ('error' in checked) throw new PoisonMessage(checked.error.message)
  return checked.value
}

function parse(body: string): unknown {
  let value: unknown
  try {
    value = parseExactJson(body)
  } catch {
    throw new PoisonMessage('The message is not JSON.')
  }
  const name = duplicateMember(body, value)
  if (name !== undefined) throw new PoisonMessage(`${JSON.stringify(name.slice(0, 100))} must be given once.`)
  return value
}

/** Whether they are equal by value: another client of a key may write `1.10` where the first wrote `1.1`. */
function isSame(order: BillingMessage, stored: { [K in keyof BillingMessage]: string | number }): boolean {
  return (
    order.user_id === stored.user_id &&
    order.number_of_items === String(stored.number_of_items) &&
    shortestDecimal(order.total_amount) === shortestDecimal(stored.total_amount)
  )
}
