import type { Operation } from '../history.ts'
import { firstInversion, spanOf } from './real-time.ts'
import type { Violation } from './violation.ts'

/** `value` identifies what is posted; a retry has the value of the first attempt. */
export type PostOperation = Operation<{ readonly f: 'post'; readonly value: string }>

/**
 * A queue whose messages have one effect each: what was answered is stored exactly once, what was refused is not, anything
 * else at most once, and nothing is stored that nobody posted.
 *
 * `stored`: the values of the effects, in their order. `isOrdered`: effects of one key must also be in an order that real
 * time allows.
 */
export function checkQueue(
  operations: readonly PostOperation[],
  stored: readonly string[],
  { isOrdered = false } = {},
): Violation[] {
  const attempts = Map.groupBy(operations, ({ call }) => call.value)
  const counts = countsOf(stored)
  const violations: Violation[] = []
  for (const [value, own] of attempts) {
    const count = counts.get(value) ?? 0
    const isAnswered = own.some(({ outcome }) => outcome === 'ok')
    const isRefused = own.every(({ outcome }) => outcome === 'fail')
    const report = (message: string) => violations.push({ key: own[0]?.key ?? '', message, operations: own })
    if (count > 1) report(`${value} is stored ${count} times`)
    else if (isAnswered && count === 0) report(`${value} was answered and is not stored`)
    else if (isRefused && count === 1) report(`${value} was refused and is stored`)
  }
  for (const value of counts.keys())
    if (!attempts.has(value))
      violations.push({ key: '', message: `${value} is stored and was not posted`, operations: [] })
  return isOrdered ? [...violations, ...inversions(attempts, stored)] : violations
}

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function inversions(
  attempts: ReadonlyMap<string, readonly PostOperation[]>,
  stored: readonly string[],
): Violation[] {
  const order = stored.flatMap((value) => spanOf(attempts.get(value) ?? []) ?? [])
  return [...Map.groupBy(order, ({ key }) => key)].flatMap(([key, own]) => {
    const inversion = firstInversion(own)
    if (inversion === undefined) return []
    const [earlier, later] = inversion
    const message = `${later.call.value} was answered before ${earlier.call.value} was posted, and took effect after it`
    return [{ key, message, operations: inversion }]
  })
}
