import { decimalMax, divideHalfEven, integerOf } from './decimal.ts'
import type { Decimal } from './decimal.ts'

/** What an account holds of one issuer. */
export type Position = {
  readonly shares: bigint
  /** Of the last trade. */
  readonly price: Decimal
  /** What the shares that are held were bought for. */
  readonly cost: Decimal
  /** The sequence of the order that began it, which is its place among the others. */
  readonly since: number
}

/** Money and shares, the shares in the order in which they were first bought. */
export type Balance = { readonly cash: Decimal; readonly positions: ReadonlyMap<string, Position> }

/** An account at one moment. `sequence` counts its orders, `version` those that were accepted. */
export type Account = Balance & {
  readonly id: number
  readonly version: number
  readonly sequence: number
  /** The latest timestamp of its accepted orders; undefined before the first. */
  readonly lastTimestampMs: number | undefined
}

/** What an order says. */
export type OrderContent = {
  readonly operation: string
  readonly issuer: string
  readonly shares: Decimal
  readonly price: Decimal
  readonly timestampMs: number
}

/** An order as it was sent, well formed but not judged. */
export type Order = OrderContent & {
  readonly receivedMs: number
  /** By which clock the hours of the market are judged. */
  readonly hoursBy: OrderClock
  /** By which clock it is near another order, as a duplicate is. */
  readonly duplicatesBy: OrderClock
  /** Whether its timestamp must come after that of the account's last order. */
  readonly isInSequence: boolean
  /** What makes sending it again harmless: an account takes one order under each. */
  readonly clientOrderId?: string
}

/** The order's own timestamp, or the server's clock when it arrived. */
export type OrderClock = 'order' | 'server'

/** The rules, in the order in which they are judged. */
export type Rule =
  | 'INVALID_OPERATION'
  | 'CLOSED_MARKET'
  | 'DUPLICATED_OPERATION'
  | 'INSUFFICIENT_BALANCE'
  | 'INSUFFICIENT_STOCKS'

/** A rule that an order breaks, and how, by the field where there is one. */
export type Refusal = { readonly rule: Rule; readonly sentences: Readonly<Record<string, string>> }

/** An order with its place among those of its account, what became of it, and what the account held after it. */
export type DecidedOrder = {
  readonly order: Order
  readonly sequence: number
  readonly refusals: readonly Refusal[]
  readonly balance: Balance
}

/** What is known about an order beside the account: the rest of what the rules ask. */
export type OrderConditions = { readonly isMarketOpen: boolean; readonly isDuplicate: boolean }

export const duplicateWindowMs = 300_000
export const positionsMax = 1_000

/** Every rule that the order breaks; none when it may be applied. */
export function evaluate(account: Account, order: Order, circumstances: OrderConditions): Refusal[] {
  const faults = operationFaults(account, order)
  if (Object.keys(faults).length > 0) return [{ rule: 'INVALID_OPERATION', sentences: faults }]
  const { isMarketOpen, isDuplicate } = circumstances
  return [
    isMarketOpen ? [] : refusal('CLOSED_MARKET', 'timestamp', 'The market is closed.'),
    isDuplicate
      ? refusal(
          'DUPLICATED_OPERATION',
          'timestamp',
          'An order like it was accepted less than 5 minutes apart.',
        )
      : [],
    isBuy(order) && costOf(order) > account.cash
      ? refusal('INSUFFICIENT_BALANCE', 'share_price', 'The cash is less than the shares cost.')
      : [],
    !isBuy(order) && sharesOf(order) > heldOf(account, order).shares
      ? refusal('INSUFFICIENT_STOCKS', 'total_shares', 'The account has fewer shares of the issuer.')
      : [],
  ].flat()
}

/** The account after an order that breaks no rule, and has the account's present sequence. */
export function apply(account: Account, order: Order): Account {
  const { lastTimestampMs = order.timestampMs } = account
  return {
    id: account.id,
    version: account.version + 1,
    sequence: account.sequence,
    lastTimestampMs: Math.max(lastTimestampMs, order.timestampMs),
    ...balanceAfter(account, order),
  }
}

/** What an accepted order does to the cash and to the shares of its issuer: its entry in the ledger. */
export function movementOf(order: Order): { amount: Decimal; shares: bigint } {
  const cost = costOf(order)
  return isBuy(order)
    ? { amount: -cost, shares: sharesOf(order) }
    : { amount: cost, shares: -sharesOf(order) }
}

/** When it counts for duplicates. */
export function effectiveMs({ duplicatesBy, timestampMs, receivedMs }: Order): number {
  return duplicatesBy === 'order' ? timestampMs : receivedMs
}

/** What orders that can be duplicates of each other have in common. */
export function duplicateKey(order: Order): string {
  return `${operationOf(order)} ${order.shares} ${order.issuer}`
}

/** Whether two orders that are alike are so near to each other that one is a duplicate. */
export function isWithinDuplicateWindow(one: Order, other: Order): boolean {
  return Math.abs(effectiveMs(one) - effectiveMs(other)) < duplicateWindowMs
}

/** Whether two orders say the same. */
export function isSameContent(one: OrderContent, other: OrderContent): boolean {
  return (
    operationOf(one) === operationOf(other) &&
    one.issuer === other.issuer &&
    one.shares === other.shares &&
    one.price === other.price &&
    one.timestampMs === other.timestampMs
  )
}

/** BUY or SELL whatever its case; what is neither stays as it is, and can only be refused. */
export function operationOf({ operation }: OrderContent): string {
  return /^(buy|sell)$/i.test(operation) ? operation.toUpperCase() : operation
}

/** What a share cost on average, to the millionth, halfway to the even one. */
export function averageCost({ cost, shares }: Position): Decimal {
  return divideHalfEven(cost, shares)
}

const nothing: Position = { shares: 0n, price: 0n, cost: 0n, since: 0 }

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
    return { timestamp: 'timestamp must be after that of the last order.' }
  return {}
}

/** What no account can hold: beyond these its numbers would no longer be exact. */
function limitFault(account: Account, order: Order): Record<string, string> {
  if (isBuy(order)) {
    const { shares, cost } = heldOf(account, order)
    if (shares === 0n && account.positions.size >= positionsMax)
      return { issuer_name: `An account holds shares of at most ${positionsMax} issuers.` }
    const isTooMuch = shares + sharesOf(order) > sharesMax || cost + costOf(order) > decimalMax
    return isTooMuch && costOf(order) <= account.cash
      ? { total_shares: 'No account holds so many shares of one issuer, or shares that cost so much.' }
      : {}
  }
  const isTooMuch =
    account.cash + costOf(order) > decimalMax && sharesOf(order) <= heldOf(account, order).shares
  return isTooMuch ? { share_price: 'No account holds so much cash.' } : {}
}

function balanceAfter(account: Account, order: Order): Balance {
  const { amount, shares } = movementOf(order)
  const held = heldOf(account, order)
  const positions = new Map(account.positions)
  const left = held.shares + shares
  const since = held.shares === 0n ? account.sequence : held.since
  if (left === 0n) positions.delete(order.issuer)
  else positions.set(order.issuer, { shares: left, price: order.price, cost: costAfter(held, order), since })
  return { cash: account.cash + amount, positions }
}

/** A purchase adds what it cost; a sale takes its share of the cost away, so that the average stays what it was. */
function costAfter(held: Position, order: Order): Decimal {
  if (isBuy(order)) return held.cost + costOf(order)
  return held.cost - divideHalfEven(held.cost * sharesOf(order), held.shares)
}

const sharesMax = integerOf(decimalMax) ?? 0n

function isBuy(order: Order): boolean {
  return operationOf(order) === 'BUY'
}

function sharesOf({ shares }: Order): bigint {
  return integerOf(shares) ?? 0n
}

function costOf(order: Order): Decimal {
  return sharesOf(order) * order.price
}

function heldOf({ positions }: Balance, { issuer }: Order): Position {
  return positions.get(issuer) ?? nothing
}

function refusal(rule: Rule, field: string, sentence: string): Refusal[] {
  return [{ rule, sentences: { [field]: sentence } }]
}
