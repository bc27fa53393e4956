import type { Owner } from '@quintet/chassis/guard'
import type { IdempotencyStore, IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Page } from '@quintet/chassis/resource/rows'
import type { Decimal } from './decimal.ts'
import type { Account, Balance, DecidedOrder, Order, OrderContent, Refusal } from './order.ts'
import type { Turns } from './turns.ts'

/** The storage of the brokerage. */
export type Storage = {
  readonly accounts: AccountStore
  readonly idempotencyStore: IdempotencyStore
  /** Rejects when the engine does not respond. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** The port for accounts with their orders and ledgers. */
export type AccountStore = {
  /** How many requests may share a unit, whatever their numbers of orders. */
  readonly requestsPerUnitMax: number
  /** Opens an account with its first ledger entry; resolves to its id. */
  open(account: NewAccount, records: readonly IdempotencyRecord[]): Promise<number>
  find(id: number): Promise<Account | undefined>
  /** The owner of an account, without its positions, which may be many; undefined when there is no such account. */
  findOwner(id: number): Promise<Owner | undefined>
  /** The account and what is stored about these orders; undefined when there is no such account. */
  loadContext(id: number, orders: readonly Order[]): Promise<OrderContext | undefined>
  /** The balances after stored orders whose outcomes can be repeated, by their sequences. Reads them in steps, each when there is time. */
  findBalances(id: number, sequences: readonly number[], turns: Turns): Promise<ReadonlyMap<number, Balance>>
  /**
   * Commits orders decided on `before` and the effects of the accepted ones, with the idempotency records, as one unit.
   * Resolves to false when the account is no longer `before`. Then, and where it rejects with anything but `outcome_unknown`,
   * nothing was changed and nothing will be.
   */
  commitBatch(batch: OrderBatch, records: readonly IdempotencyRecord[]): Promise<boolean>
  /** Orders, and below ledger entries, in the order of their sequences. */
  listOrders(id: number, page: Page): Promise<readonly OrderRecord[]>
  listLedger(id: number, page: Page): Promise<readonly LedgerEntry[]>
  /** The ids of up to `max` accounts, at random. */
  sample(max: number): Promise<readonly number[]>
}

export type NewAccount = { readonly cash: Decimal; readonly owner: Owner; readonly openedMs: number }

export type OrderContext = {
  readonly account: Account
  /** Those of the orders that duplicate an accepted one. */
  readonly duplicates: ReadonlySet<Order>
  /** Stored orders that have a `client_order_id` of one of the orders, by that id. */
  readonly earlier: ReadonlyMap<string, EarlierOrder>
}

/** Without the balance, which is large and is needed only to repeat the outcome: see `findBalances`. */
export type EarlierOrder = Pick<DecidedOrder, 'sequence' | 'refusals'> & { readonly order: OrderContent }

export type OrderBatch = {
  readonly before: Account
  readonly after: Account
  readonly orders: readonly DecidedOrder[]
}

export type OrderRecord = {
  readonly sequence: number
  readonly order: OrderContent & { readonly clientOrderId?: string; readonly receivedMs: number }
  readonly refusals: readonly Refusal[]
  /** What reading it has taken, where it may be large. */
  readonly bytes?: number
}

/** `cash` is the balance after the entry. */
export type LedgerEntry = {
  readonly sequence: number
  readonly kind: 'OPENING' | 'BUY' | 'SELL'
  readonly issuer: string | undefined
  readonly shares: bigint
  readonly amount: Decimal
  readonly cash: Decimal
  readonly recordedMs: number
  readonly bytes?: number
}
