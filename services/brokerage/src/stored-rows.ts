import type { LedgerEntry, OrderRecord } from './port.ts'
import { formatDecimal, parseDecimal } from './decimal.ts'
import type { Decimal } from './decimal.ts'
import { effectiveMs, movementOf, operationOf } from './order.ts'
import type { Balance, DecidedOrder, Position, Refusal } from './order.ts'

/** An order as every engine stores it: exact numbers as text, nested values as JSON. */
export type OrderRow = {
  sequence: number
  client_order_id: string | null
  operation: string
  issuer_name: string
  total_shares: string
  share_price: string
  timestamp: number
  received_at: number
  effective_at: number
  /** Null for an accepted order. */
  refusals: string | null
  /** The order that has the balance; null where the outcome cannot be repeated, and in rows of earlier versions. */
  checkpoint: number | null
  /** The balance after the order, where that is its own checkpoint; in rows of earlier versions with a `client_order_id`, always. */
  balance: string | null
}

/** A ledger entry as it is read from every engine; exact numbers are text, amounts of money in millionths. */
export type LedgerRow = {
  sequence: number
  kind: LedgerEntry['kind']
  issuer_name: string | null
  shares: string
  amount: string
  cash: string
  recorded_at: number
}

export function orderRow({ order, sequence, refusals, balance, checkpoint }: DecidedOrder): OrderRow {
  return {
    sequence,
    client_order_id: order.clientOrderId ?? null,
    operation: operationOf(order),
    issuer_name: order.issuer,
    total_shares: formatDecimal(order.shares),
    share_price: formatDecimal(order.price),
    timestamp: order.timestampMs,
    received_at: order.receivedMs,
    effective_at: effectiveMs(order),
    refusals: refusals.length === 0 ? null : JSON.stringify(refusals),
    checkpoint: checkpoint ?? null,
    balance: checkpoint === sequence ? stringifyBalance(balance) : null,
  }
}

/** The first entry of a ledger: the opening cash. */
export function openingEntry(cash: Decimal, openedMs: number): LedgerEntry {
  const issuer = undefined
  return { sequence: 0, kind: 'OPENING', issuer, shares: 0n, amount: cash, cash, recordedMs: openedMs }
}

/** The ledger entry of an accepted order. */
export function ledgerEntry({ order, sequence, balance }: DecidedOrder): LedgerEntry {
  return {
    sequence,
    kind: operationOf(order) === 'BUY' ? 'BUY' : 'SELL',
    issuer: order.issuer,
    ...movementOf(order),
    cash: balance.cash,
    recordedMs: order.receivedMs,
  }
}

export function recordOf(row: Omit<OrderRow, 'balance' | 'checkpoint'>): OrderRecord {
  const refusals: readonly Refusal[] = row.refusals === null ? [] : JSON.parse(row.refusals)
  return {
    sequence: row.sequence,
    order: {
      operation: row.operation,
      issuer: row.issuer_name,
      shares: storedDecimal(row.total_shares),
      price: storedDecimal(row.share_price),
      timestampMs: row.timestamp,
      receivedMs: row.received_at,
      ...(row.client_order_id !== null && { clientOrderId: row.client_order_id }),
    },
    refusals,
  }
}

export function entryOf(row: LedgerRow): LedgerEntry {
  return {
    sequence: row.sequence,
    kind: row.kind,
    issuer: row.issuer_name ?? undefined,
    shares: BigInt(row.shares),
    amount: BigInt(row.amount),
    cash: BigInt(row.cash),
    recordedMs: row.recorded_at,
  }
}

/** A balance as JSON, with numbers as strings: money in millionths. */
function stringifyBalance({ cash, positions }: Balance): string {
  return JSON.stringify({ cash, positions: [...positions] }, (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}

/** The balance in a stored order that is a checkpoint. */
export function balanceOf(row: Pick<OrderRow, 'balance'> | undefined): Balance {
  const { cash, positions }: { cash: string; positions: [string, Record<keyof Position, string>][] } =
    JSON.parse(row?.balance ?? '')
  return {
    cash: BigInt(cash),
    positions: new Map(
      positions.map(([issuer, { shares, price, cost, since }]) => [
        issuer,
        { shares: BigInt(shares), price: BigInt(price), cost: BigInt(cost), since: Number(since) },
      ]),
    ),
  }
}

function storedDecimal(text: string): Decimal {
  const value = parseDecimal(text)
  if (typeof value === 'string') throw new Error(`The database holds "${text}" instead of a decimal.`)
  return value
}
