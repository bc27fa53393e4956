import type { LedgerEntry, OrderRecord } from './port.ts'
import { decimalsMax, formatDecimal } from './decimal.ts'
import { exactNumber } from './exact-number.ts'
import type { MarketHours } from './market.ts'
import { averageCost } from './order.ts'
import type { Account, Balance, Refusal } from './order.ts'

/** Turns the notation of a number into its member of a response. */
export type Print = (notation: string) => unknown

/** Cash and positions, the same in every response. */
export function balanceBody({ cash, positions }: Balance, print: Print) {
  return {
    cash: print(formatDecimal(cash)),
    issuers: Array.from(positions, ([issuer_name, position]) => ({
      issuer_name,
      total_shares: print(String(position.shares)),
      share_price: print(formatDecimal(position.price)),
      average_cost: print(formatDecimal(averageCost(position))),
    })),
  }
}

export function accountBody(account: Account) {
  return { id: account.id, ...balanceBody(account, exactNumber) }
}

export function orderBody({ sequence, order, refusals }: OrderRecord) {
  return {
    id: sequence,
    client_order_id: order.clientOrderId,
    status: refusals.length === 0 ? 'accepted' : 'refused',
    timestamp: seconds(order.timestampMs),
    received_at: seconds(order.receivedMs),
    operation: order.operation,
    issuer_name: order.issuer,
    total_shares: exactNumber(formatDecimal(order.shares)),
    share_price: exactNumber(formatDecimal(order.price)),
    business_errors: refusals.map(({ rule }) => rule),
    errors: refusals.length === 0 ? undefined : messagesByField(refusals),
  }
}

/** What is wrong with an order, by field. */
export function messagesByField(refusals: readonly Refusal[]): Record<string, string> {
  return Object.assign({}, ...refusals.map(({ sentences }) => sentences))
}

export function ledgerEntryBody(entry: LedgerEntry) {
  return {
    id: entry.sequence,
    kind: entry.kind,
    issuer_name: entry.issuer,
    shares: exactNumber(String(entry.shares)),
    amount: exactNumber(formatDecimal(entry.amount)),
    cash: exactNumber(formatDecimal(entry.cash)),
    recorded_at: seconds(entry.recordedMs),
  }
}

export function marketBody({ isOpen, nextOpen, nextClose }: MarketHours) {
  return { is_open: isOpen, next_open: nextOpen ?? null, next_close: nextClose ?? null }
}

function seconds(milliseconds: number) {
  return exactNumber(formatDecimal(BigInt(milliseconds) * 10n ** BigInt(decimalsMax - 3)))
}
