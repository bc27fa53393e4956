import type { PlacedOrder } from './checkers/brokerage-rules.ts'
import type { Account, OrderOperation } from './checkers/ledger.ts'
import { operationsOf } from './history.ts'
import type { History, Operation } from './history.ts'

/**
 * What the lines of a history of kind `ledger` mean: orders, and each account as it was read at the end, by the call
 * `{"f":"account"}`. Amounts are decimal digits in millionths. An unknown call or result is an error.
 */

export type RecordedOrder = Omit<PlacedOrder, 'price'> & { readonly price: string }

export type RecordedAccount = {
  readonly opening: string
  readonly cash: string
  readonly shares: Readonly<Record<string, number>>
  readonly orders: readonly {
    readonly id: string
    readonly order: RecordedOrder
    readonly errors: readonly string[]
  }[]
  readonly entries: readonly {
    readonly amount: string
    readonly cash: string
    readonly issuer?: string
    readonly shares: number
  }[]
}

export function asOrders(history: History): OrderOperation<PlacedOrder>[] {
  return operationsOf(history.events).flatMap((operation): OrderOperation<PlacedOrder>[] => {
    const { f, id, idempotencyKey, order } = Object(operation.call)
    if (f === 'account') return []
    if (f !== 'order' || typeof id !== 'string') throw unknownPart(operation, operation.call)
    const call = {
      f,
      id,
      order: orderOf(order),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    } as const
    if (operation.outcome !== 'ok') return [{ ...operation, call, result: undefined }]
    const { errors, cash } = Object(operation.result)
    if (!Array.isArray(errors) || typeof cash !== 'string') throw unknownPart(operation, operation.result)
    return [{ ...operation, call, result: { errors: errors.map(String), cash: BigInt(cash) } }]
  })
}

/** By key. */
export function accountsOf(history: History): Map<string, Account<PlacedOrder>> {
  const read = operationsOf(history.events).filter(({ call }) => Object(call).f === 'account')
  return new Map(read.map(({ key, result }) => [key, accountOf(Object(result))]))
}

function accountOf({ opening, cash, shares, orders, entries }: RecordedAccount): Account<PlacedOrder> {
  return {
    opening: BigInt(opening),
    cash: BigInt(cash),
    shares,
    orders: orders.map((one) => ({ ...one, order: orderOf(one.order) })),
    entries: entries.map((entry) => ({ ...entry, amount: BigInt(entry.amount), cash: BigInt(entry.cash) })),
  }
}

function orderOf(order: RecordedOrder): PlacedOrder {
  return { ...order, price: BigInt(order.price) }
}

function unknownPart({ id }: Operation, part: unknown): Error {
  return new Error(`operation ${id}: ${JSON.stringify(part)} is unknown`)
}
