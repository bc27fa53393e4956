import type { AccountSpecification } from './ledger.ts'

/** An order that is well-formed. Amounts are integers of the smallest unit, a millionth. */
export type PlacedOrder = {
  readonly operation: 'BUY' | 'SELL'
  readonly issuer: string
  readonly shares: number
  readonly price: bigint
  readonly timestampMs: number
}

const duplicateWindowMs = 300_000

/** The rules of the brokerage for a market that never closes, written from its README and not from its code. */
export function brokerageRules(opening: bigint): AccountSpecification<PlacedOrder> {
  let cash = opening
  const owned = new Map<string, number>()
  const accepted = new Map<string, number[]>()

  return {
    place({ operation, issuer, shares, price, timestampMs }) {
      const cost = BigInt(shares) * price
      const same = `${operation} ${shares} ${issuer}`
      const times = accepted.get(same) ?? []
      const before = owned.get(issuer) ?? 0
      const errors = [
        ...(times.some((time) => Math.abs(time - timestampMs) < duplicateWindowMs)
          ? ['DUPLICATED_OPERATION']
          : []),
        ...(operation === 'BUY' && cost > cash ? ['INSUFFICIENT_BALANCE'] : []),
        ...(operation === 'SELL' && shares > before ? ['INSUFFICIENT_STOCKS'] : []),
      ]
      if (errors.length > 0) return errors
      accepted.set(same, [...times, timestampMs])
      cash += operation === 'BUY' ? -cost : cost
      owned.set(issuer, before + (operation === 'BUY' ? shares : -shares))
      return []
    },
    cash: () => cash,
    shares: () => Object.fromEntries(owned),
  }
}
