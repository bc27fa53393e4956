import type { RecordedAccount, RecordedOrder } from '../recorded-orders.ts'
import { membersOf } from './http-client.ts'
import type { HttpClient } from './http-client.ts'
import { readFinally, readPages } from './until-known.ts'

/** An account with its orders and its ledger, of one moment: read again if an order was accepted meanwhile. */
export async function readAccount(http: HttpClient, url: string, opening: number): Promise<RecordedAccount> {
  for (;;) {
    const before = await readFinally(http, url)
    const orders = await readPages(http, `${url}/orders?limit=1000`)
    const entries = await readPages(http, `${url}/ledger?limit=1000`)
    const after = await readFinally(http, url)
    if (before.etag !== after.etag) continue
    const { cash, issuers } = membersOf(after)
    const positions: unknown[] = Array.isArray(issuers) ? issuers : []
    return {
      opening: inMillionths(opening),
      cash: inMillionths(cash),
      shares: Object.fromEntries(
        positions.map(Object).map(({ issuer_name: name, total_shares: shares }) => [name, shares]),
      ),
      orders: orders.map(orderOf),
      entries: entries.map(({ amount, cash, issuer_name: issuer, shares }) => ({
        amount: inMillionths(amount),
        cash: inMillionths(cash),
        ...(typeof issuer === 'string' && { issuer }),
        shares: Number(shares),
      })),
    }
  }
}

function orderOf(row: Record<string, unknown>) {
  const timestampMs = Math.round(Number(row.timestamp) * 1_000)
  const order: RecordedOrder = {
    operation: row.operation === 'SELL' ? 'SELL' : 'BUY',
    issuer: String(row.issuer_name),
    shares: Number(row.total_shares),
    price: inMillionths(row.share_price),
    timestampMs,
  }
  const errors = Array.isArray(row.business_errors) ? row.business_errors.map(String) : []
  return { id: String(timestampMs), order, errors }
}

/** Exact for amounts of up to nine digits, as those of the load. */
export function inMillionths(amount: unknown): string {
  return String(Math.round(Number(amount) * 1e6))
}
