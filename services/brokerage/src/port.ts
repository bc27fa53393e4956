import type { IdempotencyStore, IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Decimal } from './decimal.ts'
import type { Account, DecidedOrder, Order, OrderContent, Refusal } from './order.ts'

/** Where everything of the brokerage is kept. */
export type Storage = {
  readonly accounts: AccountStore
  readonly idempotencyStore: IdempotencyStore
  /** Rejects when the engine does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Accounts, their orders and their ledgers, wherever they are kept. */
export type AccountStore = {
  /** How many requests may share a unit, one of which may have as many orders as it will. */
  readonly requestsPerUnitMax: number
  /** Opens an account with its first ledger entry; resolves to its id. */
  open(account: { cash: Decimal; openedMs: number }, answers: readonly IdempotencyRecord[]): Promise<number>
  find(id: number): Promise<Account | undefined>
  /** The account with what the rules ask about these orders; undefined when there is none. */
  loadContext(id: number, orders: readonly Order[]): Promise<OrderContext | undefined>
  /**
   * Files orders that were decided on `before`, and applies those that broke no rule, all as one unit that holds the
   * answers too. False when the account has moved on meanwhile, and then nothing was changed.
   */
  commitBatch(filing: OrderBatch, answers: readonly IdempotencyRecord[]): Promise<boolean>
  listOrders(id: number, page: Page): Promise<readonly OrderRecord[]>
  listLedger(id: number, page: Page): Promise<readonly LedgerEntry[]>
}

export type OrderContext = {
  readonly account: Account
  /** The orders among those asked about that have an accepted one like them in the duplicate window. */
  readonly repeated: ReadonlySet<Order>
  /** What became of orders whose `client_order_id` is one of those asked about. */
  readonly earlier: ReadonlyMap<string, EarlierOrder>
}

export type EarlierOrder = Pick<DecidedOrder, 'refusals' | 'balance'> & { readonly order: OrderContent }

export type OrderBatch = {
  readonly before: Account
  readonly after: Account
  readonly orders: readonly DecidedOrder[]
}

/** Rows from behind a sequence on, in its order. */
export type Page = { readonly after: number; readonly limit: number }

export type OrderRecord = {
  readonly sequence: number
  readonly order: OrderContent & { readonly clientOrderId?: string; readonly receivedMs: number }
  readonly refusals: readonly Refusal[]
}

/** `cash` is what the account had after it. */
export type LedgerEntry = {
  readonly sequence: number
  readonly kind: 'OPENING' | 'BUY' | 'SELL'
  readonly issuer: string | undefined
  readonly shares: bigint
  readonly amount: Decimal
  readonly cash: Decimal
  readonly recordedMs: number
}
