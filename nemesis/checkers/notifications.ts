import type { Operation } from '../history.ts'
import type { Violation } from './violation.ts'

/** A change of a record, of which the receiver is to be notified with `value`. */
export type ChangeOperation = Operation<{ readonly f: 'change'; readonly value: string }>

/** What arrived, in the order of arrival. A delivery that is repeated has the id of the first. */
export type Delivery = { readonly id: string; readonly key: string; readonly value: string }

/**
 * Notifications of changes: each acknowledged change is delivered at least once, nothing is delivered that was not changed,
 * and first deliveries of one record are in an order of its changes that real time allows.
 *
 * Contents may repeat, so deliveries are matched with changes, the most urgent first. That is exact where changes of
 * one record with the same content do not overlap.
 */
export function checkNotifications(
  operations: readonly ChangeOperation[],
  deliveries: readonly Delivery[],
): Violation[] {
  const changes = Map.groupBy(operations, ({ key }) => key)
  const arrived = Map.groupBy(deliveries, ({ key }) => key)
  const keys = new Set([...changes.keys(), ...arrived.keys()])
  return [...keys].flatMap((key) => checkRecord(key, changes.get(key) ?? [], arrived.get(key) ?? []))
}

function checkRecord(
  key: string,
  operations: readonly ChangeOperation[],
  deliveries: readonly Delivery[],
): Violation[] {
  const violations: Violation[] = []
  const first = new Map<string, Delivery>()
  for (const delivery of deliveries) {
    const other = first.get(delivery.id)
    if (other === undefined) first.set(delivery.id, delivery)
    else if (other.value !== delivery.value)
      violations.push({
        key,
        message: `delivery ${delivery.id} was repeated with another content`,
        operations: [],
      })
  }
  const matching = createMatching(operations.filter(({ outcome }) => outcome !== 'fail'))
  for (const { id, value } of first.values()) {
    const result = matching.match(value)
    if (result === 'unknown')
      violations.push({
        key,
        message: `delivery ${id} is of a change to ${value} that was not made`,
        operations: [],
      })
    else if (result !== undefined)
      violations.push({ key, message: `delivery ${id} of ${value} is out of order`, operations: result })
  }
  for (const lost of matching.open().filter(({ outcome }) => outcome === 'ok'))
    violations.push({
      key,
      message: `the change to ${lost.call.value} was not delivered`,
      operations: [lost],
    })
  return violations
}

function createMatching(operations: readonly ChangeOperation[]) {
  const open = new Set(operations)
  let latestInvocation = Number.NEGATIVE_INFINITY

  /** Takes the change that a delivery is of. Returns what it is out of order with. */
  function match(value: string): 'unknown' | ChangeOperation[] | undefined {
    const same = [...open]
      .filter(({ call }) => call.value === value)
      .toSorted((one, other) => one.completedAt - other.completedAt)
    const [fallback] = same
    if (fallback === undefined) return 'unknown'
    const before = (change: ChangeOperation) =>
      [...open].filter((one) => one.outcome === 'ok' && one.completedAt < change.invokedAt)
    const fitting = same.find((one) => one.completedAt >= latestInvocation && before(one).length === 0)
    const taken = fitting ?? fallback
    open.delete(taken)
    latestInvocation = Math.max(latestInvocation, taken.invokedAt)
    return fitting === undefined ? [...before(taken).slice(0, 1), taken] : undefined
  }

  return { match, open: () => [...open] }
}
