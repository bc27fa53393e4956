import type { Operation } from '../history.ts'

/**
 * Two operations that an order has the wrong way round: the one that is later in it was over before the other began. In
 * O(n): it is enough to compare each with the latest invocation before it in the order.
 */
export function firstInversion<Op extends Operation>(order: readonly Op[]): readonly [Op, Op] | undefined {
  let latest: Op | undefined
  for (const operation of order) {
    if (latest !== undefined && operation.completedAt < latest.invokedAt) return [latest, operation]
    if (latest === undefined || operation.invokedAt > latest.invokedAt) latest = operation
  }
  return undefined
}

/** Several attempts as one operation, which takes effect between the first invocation and the first answer. */
export function spanOf<Op extends Operation>(attempts: readonly Op[]): Op | undefined {
  const [first] = attempts
  if (first === undefined) return undefined
  const answers = attempts.filter(({ outcome }) => outcome === 'ok').map(({ completedAt }) => completedAt)
  return {
    ...first,
    invokedAt: Math.min(...attempts.map(({ invokedAt }) => invokedAt)),
    completedAt: Math.min(Number.POSITIVE_INFINITY, ...answers),
  }
}
