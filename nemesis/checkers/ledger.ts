import type { Operation } from '../history.ts'
import { firstInversion, spanOf } from './real-time.ts'
import type { Violation } from './violation.ts'

/** An order that a client placed. `id` identifies it in the list of orders; a retry has the id and key of the first attempt. */
export type OrderOperation<Order> = Operation<
  { readonly f: 'order'; readonly id: string; readonly idempotencyKey?: string; readonly order: Order },
  OrderResult
>

/** The rules that the order broke, none where it was accepted, and the cash after it. */
type OrderResult = { readonly errors: readonly string[]; readonly cash: bigint }

/** An account as it was read at the end. Amounts are integers of the smallest unit. */
export type Account<Order> = {
  readonly opening: bigint
  readonly cash: bigint
  readonly shares: Readonly<Record<string, number>>
  /** Accepted and refused, in their serial order. */
  readonly orders: readonly {
    readonly id: string
    readonly order: Order
    readonly errors: readonly string[]
  }[]
  /** In their order, the opening first. */
  readonly entries: readonly Entry[]
}

export type Entry = {
  readonly amount: bigint
  /** After the entry. */
  readonly cash: bigint
  readonly issuer?: string
  readonly shares: number
}

/** The rules of an account, executed one order after another. */
export type AccountSpecification<Order> = {
  place(order: Order): readonly string[]
  cash(): bigint
  shares(): Readonly<Record<string, number>>
}

/**
 * A ledger: cash and shares are the sums of the entries and never negative; the listed order of the orders, executed
 * serially, gives every response, and is one that real time allows (strict serializability); each answered order is listed
 * once, each refused request not, any other at most once, and each idempotency key has one order at most.
 */
export function checkLedger<Order>(
  operations: readonly OrderOperation<Order>[],
  account: Account<Order>,
  specification: AccountSpecification<Order>,
): Violation[] {
  const key = operations[0]?.key ?? ''
  const messages = [
    ...checkSums(account),
    ...checkSerialOrder(account, specification),
    ...checkKeys(operations, account),
  ].map((message) => ({ key, message, operations: [] }))
  return [
    ...messages,
    ...checkResponses(key, operations, account),
    ...checkPresence(key, operations, account),
  ]
}

function checkSums<Order>({ opening, cash, shares, orders, entries }: Account<Order>): string[] {
  const found: string[] = []
  let sum = 0n
  const owned: Record<string, number> = {}
  for (const [i, entry] of entries.entries()) {
    sum += entry.amount
    if (entry.cash !== sum)
      found.push(`entry ${i + 1} has cash ${entry.cash}, but the entries up to it sum up to ${sum}`)
    if (sum < 0n) found.push(`entry ${i + 1} makes the cash negative`)
    if (entry.issuer === undefined) continue
    const count = (owned[entry.issuer] ?? 0) + entry.shares
    owned[entry.issuer] = count
    if (count < 0) found.push(`entry ${i + 1} makes the shares of ${entry.issuer} negative`)
  }
  if (entries[0]?.amount !== opening) found.push('the first entry is not the opening')
  if (sum !== cash) found.push(`the entries sum up to ${sum}, but the cash is ${cash}`)
  for (const issuer of new Set([...Object.keys(owned), ...Object.keys(shares)]))
    if ((owned[issuer] ?? 0) !== (shares[issuer] ?? 0))
      found.push(
        `the entries sum up to ${owned[issuer] ?? 0} shares of ${issuer}, but there are ${shares[issuer] ?? 0}`,
      )
  const accepted = orders.filter(({ errors }) => errors.length === 0).length
  if (entries.length !== 1 + accepted)
    found.push(`${accepted} orders were accepted, with ${entries.length - 1} entries`)
  return found
}

function checkSerialOrder<Order>(
  account: Account<Order>,
  specification: AccountSpecification<Order>,
): string[] {
  const found: string[] = []
  let entry = 0
  for (const { id, order, errors } of account.orders) {
    const expected = specification.place(order)
    if (String(expected) !== String(errors))
      found.push(`order ${id} has [${errors}], but serially it has [${expected}]`)
    if (errors.length > 0) continue
    entry += 1
    const cash = account.entries[entry]?.cash
    if (cash !== specification.cash())
      found.push(`after order ${id} the cash is ${cash}, but serially ${specification.cash()}`)
  }
  return found
}

function checkKeys<Order>(
  operations: readonly OrderOperation<Order>[],
  { orders }: Account<Order>,
): string[] {
  const listed = new Set(orders.map(({ id }) => id))
  const keyed = operations.filter(({ call }) => call.idempotencyKey !== undefined && listed.has(call.id))
  return [...Map.groupBy(keyed, ({ call }) => call.idempotencyKey)].flatMap(([idempotencyKey, own]) => {
    const ids = new Set(own.map(({ call }) => call.id))
    return ids.size > 1 ? [`the idempotency key ${idempotencyKey} has the orders ${[...ids]}`] : []
  })
}

/** Whether each response is that of its place in the list, and real time allows these places. */
function checkResponses<Order>(
  key: string,
  operations: readonly OrderOperation<Order>[],
  { opening, orders, entries }: Account<Order>,
): Violation[] {
  const violations: Violation[] = []
  const answered = Map.groupBy(operations, ({ call }) => call.id)
  const order: OrderOperation<Order>[] = []
  let cash = opening
  let entry = 0
  for (const { id, errors } of orders) {
    if (errors.length === 0) cash = entries[++entry]?.cash ?? cash
    const own = answered.get(id) ?? []
    const span = spanOf(own)
    if (span !== undefined) order.push(span)
    for (const operation of own) {
      const { result } = operation
      if (result === undefined || (result.cash === cash && String(result.errors) === String(errors))) continue
      const message = `order ${id} was answered with [${result.errors}] and cash ${result.cash}, but has [${errors}] and ${cash}`
      violations.push({ key, message, operations: [operation] })
    }
  }
  const inversion = firstInversion(order)
  if (inversion === undefined) return violations
  const [earlier, later] = inversion
  const message = `order ${later.call.id} was answered before ${earlier.call.id} was placed, and is listed after it`
  return [...violations, { key, message, operations: inversion }]
}

function checkPresence<Order>(
  key: string,
  operations: readonly OrderOperation<Order>[],
  { orders }: Account<Order>,
): Violation[] {
  const listed = Map.groupBy(orders, ({ id }) => id)
  const attempts = Map.groupBy(operations, ({ call }) => call.id)
  const violations: Violation[] = []
  for (const [id, own] of attempts) {
    const count = listed.get(id)?.length ?? 0
    if (count > 1) violations.push({ key, message: `order ${id} is listed ${count} times`, operations: own })
    if (count === 0 && own.some(({ outcome }) => outcome === 'ok'))
      violations.push({ key, message: `order ${id} was answered and is not listed`, operations: own })
    if (count > 0 && own.every(({ outcome }) => outcome === 'fail'))
      violations.push({ key, message: `order ${id} was refused and is listed`, operations: own })
  }
  for (const id of listed.keys())
    if (!attempts.has(id))
      violations.push({ key, message: `order ${id} is listed and was not placed`, operations: [] })
  return violations
}
