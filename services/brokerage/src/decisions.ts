import { AppError } from '@quintet/chassis/errors'
import type { Market } from './market.ts'
import {
  apply,
  duplicateKey,
  evaluate,
  isRepeatable,
  isSameContent,
  isWithinDuplicateWindow,
} from './order.ts'
import type { Account, Balance, DecidedOrder, Order } from './order.ts'
import type { EarlierOrder, OrderBatch, OrderContext } from './port.ts'

/** The outcome of an order; `conflict` when its `client_order_id` belongs to an order with another content. */
export type Outcome = DecidedOutcome | 'conflict'

/** The balance is the one after the order of this sequence. */
export type DecidedOutcome = Pick<DecidedOrder, 'sequence' | 'refusals' | 'balance'>

/** Every outcome lists all positions of the account. */
export const positionsPerResponseMax = 20_000

type Parts = {
  readonly market: Market
  /** The balance after a stored order; called once for each order whose outcome is repeated. */
  findBalance(sequence: number): Promise<Balance>
}

/**
 * Decides the orders of each request in sequence, each on the account as the previous one left it. Rejects with
 * `body_too_large` at the order with which the outcomes of its request exceed `positionsPerResponseMax`.
 */
export async function decide(
  context: OrderContext,
  requests: readonly (readonly Order[])[],
  { market, findBalance }: Parts,
): Promise<{ batch: OrderBatch; outcomes: Outcome[][] }> {
  const decider = createDecider(context, market)
  const byClientOrderId = new Map<string, EarlierOrder & { balance?: Balance }>(context.earlier)

  async function outcomeOf(order: Order, clientOrderId: string): Promise<Outcome> {
    const first = byClientOrderId.get(clientOrderId) ?? decider.decide(order)
    if (!isSameContent(first.order, order)) return 'conflict'
    const repeatable = { ...first, balance: first.balance ?? (await findBalance(first.sequence)) }
    byClientOrderId.set(clientOrderId, repeatable)
    return repeatable
  }

  const outcomes: Outcome[][] = []
  for (const orders of requests) {
    let positions = 0
    const ofRequest: Outcome[] = []
    for (const order of orders) {
      const { clientOrderId } = order
      const outcome =
        clientOrderId === undefined ? decider.decide(order) : await outcomeOf(order, clientOrderId)
      positions += positionsIn(outcome)
      if (positions > positionsPerResponseMax) throw responseTooLarge()
      ofRequest.push(outcome)
    }
    outcomes.push(ofRequest)
  }
  return { batch: decider.batch(), outcomes }
}

/** Decides orders that are new. */
function createDecider({ account: before, duplicates }: OrderContext, market: Market) {
  const orders: DecidedOrder[] = []
  const accepted = new Map<string, Order[]>()
  let account = before

  function isDuplicate(order: Order): boolean {
    if (duplicates.has(order)) return true
    const similar = accepted.get(duplicateKey(order)) ?? []
    return similar.some((other) => isWithinDuplicateWindow(order, other))
  }

  function accept(order: Order): Account {
    const key = duplicateKey(order)
    const similar = accepted.get(key)
    if (similar === undefined) accepted.set(key, [order])
    else similar.push(order)
    return apply(account, order)
  }

  return {
    decide(order: Order): DecidedOrder {
      account = { ...account, sequence: account.sequence + 1 }
      const refusals = evaluate(account, order, {
        isMarketOpen: market.isOpen(order.hoursBy === 'order' ? order.timestampMs : order.receivedMs),
        isDuplicate: isDuplicate(order),
      })
      if (refusals.length === 0) account = accept(order)
      if (isRepeatable(order)) account = { ...account, checkpoint: checkpointAfter(account) }
      const checkpoint = isRepeatable(order) ? account.checkpoint : undefined
      const decided = { order, sequence: account.sequence, refusals, balance: account, checkpoint }
      orders.push(decided)
      return decided
    },
    batch: (): OrderBatch => ({ before, after: account, orders }),
  }
}

/**
 * The order whose balance is to be stored, so that the outcome of this one can be repeated: this one, once as many orders as the
 * account has positions came after the last. So an order adds no more than one position to what is stored, however many are
 * listed in its response, and a balance follows from hardly more orders than it lists positions.
 */
function checkpointAfter({ sequence, checkpoint, positions }: Account): number {
  if (checkpoint === undefined) return sequence
  return sequence - checkpoint >= Math.max(positions.size, ordersPerCheckpointMin) ? sequence : checkpoint
}

/** So that balances of few positions are stored seldom, and still follow from few orders. */
const ordersPerCheckpointMin = 32

/** How many positions a response lists for an outcome. */
export function positionsIn(outcome: Outcome): number {
  return outcome === 'conflict' ? 0 : outcome.balance.positions.size
}

/** The balances of the outcomes, by the sequences of their orders. */
export function balancesOf(outcomes: readonly Outcome[]): Map<number, Balance> {
  const balances = new Map<number, Balance>()
  for (const outcome of outcomes) if (outcome !== 'conflict') balances.set(outcome.sequence, outcome.balance)
  return balances
}

function responseTooLarge(): AppError {
  return new AppError(
    'body_too_large',
    `The response would list more than ${positionsPerResponseMax} positions; send fewer orders at once.`,
  )
}
