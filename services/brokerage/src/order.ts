import type { Owner } from '@quintet/chassis/guard'
import { decimalMax, divideHalfEven, integerOf } from './decimal.ts'
import type { Decimal } from './decimal.ts'

/** What an account holds of one issuer. */
export type Position = {
  readonly shares: bigint
  /** The price of the last trade. */
  readonly price: Decimal
  /** The total purchase cost of the shares held. */
  readonly cost: Decimal
  /** The sequence of the order that opened the position; positions are listed by it. */
  readonly since: number
}

/** Cash and positions by issuer, in the order in which they were opened. */
export type Balance = { readonly cash: Decimal; readonly positions: ReadonlyMap<string, Position> }

/** A snapshot of an account. `sequence` counts all its orders, `version` the accepted ones. */
export type Account = Balance & {
  readonly id: number
  readonly owner: Owner
  readonly version: number
  readonly sequence: number
  /** The latest timestamp of its accepted orders; undefined before the first. */
  readonly lastTimestampMs: number | undefined
  /** The sequence of the last order that is stored with the balance after it; undefined before the first. */
  readonly checkpoint: number | undefined
}

/** The content of an order, which decides whether two are the same. */
export type OrderContent = {
  readonly operation: string
  readonly issuer: string
  readonly shares: Decimal
  readonly price: Decimal
  readonly timestampMs: number
}

/** A well-formed order before it is evaluated. */
export type Order = OrderContent & {
  readonly receivedMs: number
  /** The clock that market hours are checked against. */
  readonly hoursBy: OrderClock
  /** The clock that the distance between duplicates is measured by. */
  readonly duplicatesBy: OrderClock
  /** Whether its timestamp must come after that of the account's last order. */
  readonly isInSequence: boolean
  /** Makes an order idempotent: an account accepts one order for each. */
  readonly clientOrderId?: string
  /** Whether its request has an Idempotency-Key, under which the response is recorded. */
  readonly isRecorded: boolean
}

/** The timestamp of the order, or the time at which the server received it. */
export type OrderClock = 'order' | 'server'

/** The rules, in the order in which they are checked. */
export type Rule =
  | 'INVALID_OPERATION'
  | 'CLOSED_MARKET'
  | 'DUPLICATED_OPERATION'
  | 'INSUFFICIENT_BALANCE'
  | 'INSUFFICIENT_STOCKS'

/** A broken rule, with an error message for each field at fault. */
export type Refusal = { readonly rule: Rule; readonly sentences: Readonly<Record<string, string>> }

/** An evaluated order: its sequence within the account, its outcome, and the balance after it. */
export type DecidedOrder = {
  readonly order: Order
  readonly sequence: number
  readonly refusals: readonly Refusal[]
  readonly balance: Balance
  /**
   * Of an order whose outcome can be repeated: the order that is stored with the balance from which the one after this order
   * follows. It may be the order itself.
   */
  readonly checkpoint?: number | undefined
}

/** The facts about an order that the rules need and the account does not have. */
export type OrderConditions = { readonly isMarketOpen: boolean; readonly isDuplicate: boolean }

export const duplicateWindowMs = 300_000
export const positionsMax = 1_000

/** All rules that the order breaks; empty when it may be applied. */
export function evaluate(account: Account, order: Order, conditions: OrderConditions): Refusal[] {
  const faults = operationFaults(account, order)
  if (Object.keys(faults).length > 0) return [{ rule: 'INVALID_OPERATION', sentences: faults }]
  const { isMarketOpen, isDuplicate } = conditions
  return [
    isMarketOpen ? [] : refusal('CLOSED_MARKET', 'timestamp', 'The market is closed.'),
    isDuplicate
      ? refusal(
          'DUPLICATED_OPERATION',
          'timestamp',
          'A similar order was accepted less than 5 minutes before or after.',
        )
      : [],
    isBuy(order) && costOf(order) > account.cash
      ? refusal('INSUFFICIENT_BALANCE', 'share_price', 'The cash is less than the shares cost.')
      : [],
    !isBuy(order) && sharesOf(order) > positionOf(account, order).shares
      ? refusal('INSUFFICIENT_STOCKS', 'total_shares', 'The account has fewer shares of the issuer.')
      : [],
  ].flat()
}

/** The account after an order that breaks no rule; the account already has the sequence of the order. */
export function apply(account: Account, order: Order): Account {
  const { lastTimestampMs = order.timestampMs } = account
  return {
    id: account.id,
    owner: account.owner,
    version: account.version + 1,
    sequence: account.sequence,
    lastTimestampMs: Math.max(lastTimestampMs, order.timestampMs),
    checkpoint: account.checkpoint,
    cash: account.cash + movementOf(order).amount,
    positions: trade(new Map(account.positions), order, account.sequence),
  }
}

/** Changes the positions by an accepted order of this sequence, and returns them. */
export function trade(
  positions: Map<string, Position>,
  order: OrderContent,
  sequence: number,
): Map<string, Position> {
  const position = positions.get(order.issuer) ?? noPosition
  const shares = position.shares + movementOf(order).shares
  const since = position.shares === 0n ? sequence : position.since
  if (shares === 0n) positions.delete(order.issuer)
  else positions.set(order.issuer, { shares, price: order.price, cost: costAfter(position, order), since })
  return positions
}

/** The change of cash and shares that an accepted order makes, as it is entered in the ledger. */
export function movementOf(order: OrderContent): { amount: Decimal; shares: bigint } {
  const cost = costOf(order)
  return isBuy(order)
    ? { amount: -cost, shares: sharesOf(order) }
    : { amount: cost, shares: -sharesOf(order) }
}

/** The time that is compared to find duplicates. */
export function effectiveMs({ duplicatesBy, timestampMs, receivedMs }: Order): number {
  return duplicatesBy === 'order' ? timestampMs : receivedMs
}

/** Whether a later request can get the outcome of the order again. */
export function isRepeatable({ clientOrderId, isRecorded }: Order): boolean {
  return clientOrderId !== undefined || isRecorded
}

/** Each `client_order_id` of the orders once. */
export function clientOrderIdsOf(orders: readonly Order[]): Set<string> {
  return new Set(orders.flatMap(({ clientOrderId }) => clientOrderId ?? []))
}

/** Equal for orders that are duplicates if they are close enough in time. */
export function duplicateKey(order: Order): string {
  return `${operationOf(order)} ${order.shares} ${order.issuer}`
}

/** Whether two orders of the same duplicate key are close enough in time to be duplicates. */
export function isWithinDuplicateWindow(one: Order, other: Order): boolean {
  return Math.abs(effectiveMs(one) - effectiveMs(other)) < duplicateWindowMs
}

/** Whether two orders have the same content. */
export function isSameContent(one: OrderContent, other: OrderContent): boolean {
  return (
    operationOf(one) === operationOf(other) &&
    one.issuer === other.issuer &&
    one.shares === other.shares &&
    one.price === other.price &&
    one.timestampMs === other.timestampMs
  )
}

/** The operation in upper case; anything but BUY and SELL is returned unchanged, to be refused. */
export function operationOf({ operation }: OrderContent): string {
  return /^(buy|sell)$/i.test(operation) ? operation.toUpperCase() : operation
}

/** The average cost of a share, rounded half to even to 6 decimals. */
export function averageCost({ cost, shares }: Position): Decimal {
  return divideHalfEven(cost, shares)
}

const noPosition: Position = { shares: 0n, price: 0n, cost: 0n, since: 0 }

function operationFaults(account: Account, order: Order): Record<string, string> {
  const shares = integerOf(order.shares) ?? 0n
  const faults = {
    ...(!/^(BUY|SELL)$/.test(operationOf(order)) && { operation: 'operation must be BUY or SELL.' }),
    ...(order.issuer.trim() !== order.issuer && {
      issuer_name: 'issuer_name must not begin or end with white space.',
    }),
    ...(order.issuer.trim() === '' && { issuer_name: 'issuer_name must not be blank.' }),
    ...(shares <= 0n && { total_shares: 'total_shares must be a positive integer.' }),
    ...(order.price <= 0n && { share_price: 'share_price must be positive.' }),
    ...timestampFault(account, order),
  }
  return Object.keys(faults).length > 0 ? faults : limitFault(account, order)
}

function timestampFault(account: Account, order: Order): Record<string, string> {
  if (order.timestampMs > order.receivedMs) return { timestamp: 'timestamp must not lie in the future.' }
  const last = account.lastTimestampMs
  if (order.isInSequence && last !== undefined && order.timestampMs <= last)
    return { timestamp: 'timestamp must be later than that of the last accepted order.' }
  return {}
}

/** Refuses amounts beyond the limits within which all numbers of an account are exact. */
function limitFault(account: Account, order: Order): Record<string, string> {
  if (isBuy(order)) {
    const { shares, cost } = positionOf(account, order)
    if (shares === 0n && account.positions.size >= positionsMax)
      return { issuer_name: `An account holds shares of at most ${positionsMax} issuers.` }
    const isTooMuch = shares + sharesOf(order) > sharesMax || cost + costOf(order) > decimalMax
    return isTooMuch && costOf(order) <= account.cash
      ? { total_shares: 'The position would exceed the limit of shares or of cost.' }
      : {}
  }
  const isTooMuch =
    account.cash + costOf(order) > decimalMax && sharesOf(order) <= positionOf(account, order).shares
  return isTooMuch ? { share_price: 'The cash of the account would exceed the limit.' } : {}
}

/** A purchase adds its cost; a sale removes its proportion of the cost, which leaves the average unchanged. */
function costAfter({ cost, shares }: Position, order: OrderContent): Decimal {
  if (isBuy(order)) return cost + costOf(order)
  return cost - divideHalfEven(cost * sharesOf(order), shares)
}

const sharesMax = integerOf(decimalMax) ?? 0n

function isBuy(order: OrderContent): boolean {
  return operationOf(order) === 'BUY'
}

function sharesOf({ shares }: OrderContent): bigint {
  return integerOf(shares) ?? 0n
}

function costOf(order: OrderContent): Decimal {
  return sharesOf(order) * order.price
}

function positionOf({ positions }: Balance, { issuer }: Order): Position {
  return positions.get(issuer) ?? noPosition
}

function refusal(rule: Rule, field: string, sentence: string): Refusal[] {
  return [{ rule, sentences: { [field]: sentence } }]
}
