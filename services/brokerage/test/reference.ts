/**
 * A second, deliberately simple implementation of the rules, independent of the service's code, which tests compare the
 * service with. Money is in millionths, time in seconds since noon at the market.
 */
export type ReferenceOrder = {
  operation: 'BUY' | 'SELL' | 'HOLD'
  issuer: string
  shares: number
  price: bigint
  second: number
}

export function createReference(openingCash: bigint) {
  let cash = openingCash
  const shares = new Map<string, number>()
  const accepted: ReferenceOrder[] = []

  return {
    /** The rules that the order breaks; empty when it was applied. */
    place(order: ReferenceOrder): string[] {
      const { operation, issuer, second, price } = order
      if (operation === 'HOLD' || order.shares <= 0 || price <= 0n || second > 0) return ['INVALID_OPERATION']
      const broken: string[] = []
      const value = BigInt(order.shares) * price
      const owned = shares.get(issuer) ?? 0
      if (second < -6 * 3600 || second >= 3 * 3600) broken.push('CLOSED_MARKET')
      for (const other of accepted)
        if (
          other.operation === operation &&
          other.issuer === issuer &&
          other.shares === order.shares &&
          Math.abs(other.second - second) < 300
        ) {
          broken.push('DUPLICATED_OPERATION')
          break
        }
      if (operation === 'BUY' && value > cash) broken.push('INSUFFICIENT_BALANCE')
      if (operation === 'SELL' && order.shares > owned) broken.push('INSUFFICIENT_STOCKS')
      if (broken.length > 0) return broken
      accepted.push(order)
      cash += operation === 'BUY' ? -value : value
      const left = operation === 'BUY' ? owned + order.shares : owned - order.shares
      if (left === 0) shares.delete(issuer)
      else shares.set(issuer, left)
      return []
    },
    cash: () => cash,
    shares: () => Object.fromEntries([...shares].sort()),
  }
}
