import { createHash } from 'node:crypto'
import type { Checkpoint } from '../balance-reader.ts'
import type { DuplicateHints } from '../duplicate-hints.ts'
import { clientOrderIdsOf, duplicateKey, duplicateWindowMs, effectiveMs } from '../order.ts'
import type { DecidedOrder, Order } from '../order.ts'
import type { EarlierOrder } from '../port.ts'
import { balanceOf, recordOf } from '../stored-rows.ts'
import type { OrderRow } from '../stored-rows.ts'
import type { DynamodbConnection, Item } from './connection.ts'
import { partitionOf, sortKey, unpack } from './items.ts'

/**
 * Finds stored orders by their duplicate key and by their `client_order_id`. The index items and the hints in Redis only lead to
 * an order, which is then read: an index item may have been written by a unit that was not committed.
 */
export function createOrderLookup(connection: DynamodbConnection, hints: DuplicateHints) {
  async function readOrder(id: number, sequence: number): Promise<OrderRow | undefined> {
    for await (const item of connection.query(
      partitionOf(id),
      sortKey('ORDER', sequence),
      sortKey('ORDER'),
      1,
    ))
      return unpack<OrderRow>(item).find((row) => row.sequence === sequence)
    return undefined
  }

  async function isDuplicateOf(id: number, sequence: number, order: Order): Promise<boolean> {
    const row = await readOrder(id, sequence)
    return row !== undefined && row.refusals === null && isDuplicate(row, order)
  }

  async function hasDuplicate(id: number, order: Order): Promise<boolean> {
    const at = effectiveMs(order)
    const key = (ms: number) => sortKey('LIKE', digestOf(duplicateKey(order)), ms)
    const [from, to] = [key(at - duplicateWindowMs + 1), key(at + duplicateWindowMs - 1)]
    for await (const item of connection.query(partitionOf(id), from, `${to}#~`)) {
      if (await isDuplicateOf(id, sequenceOf(item), order)) return true
    }
    return false
  }

  async function findByClientOrderId(id: number, clientOrderId: string): Promise<EarlierOrder | undefined> {
    const key = sortKey('CLIENT', digestOf(clientOrderId))
    for await (const item of connection.query(partitionOf(id), `${key}#`, `${key}#~`)) {
      const row = await readOrder(id, sequenceOf(item))
      if (row?.client_order_id === clientOrderId) return recordOf(row)
    }
    return undefined
  }

  return {
    /** The duplicates that hints lead to. An accepted order is never removed, so this may run before the account is read. */
    async findHinted(id: number, orders: readonly Order[]): Promise<Set<Order>> {
      const sequences = await hints.find(orders.map((order) => hintKey(id, order)))
      return duplicatesAmong(orders, async (order, i) => {
        const sequence = sequences[i]
        return sequence !== undefined && (await isDuplicateOf(id, sequence, order))
      })
    },

    /** All duplicates, given those that were found by hints. */
    async findDuplicates(
      id: number,
      orders: readonly Order[],
      hinted: ReadonlySet<Order>,
    ): Promise<Set<Order>> {
      return duplicatesAmong(orders, async (order) => hinted.has(order) || hasDuplicate(id, order))
    },

    async findEarlier(id: number, orders: readonly Order[]): Promise<Map<string, EarlierOrder>> {
      const earlier = new Map<string, EarlierOrder>()
      await Promise.all(
        [...clientOrderIdsOf(orders)].map(async (name) => {
          const found = await findByClientOrderId(id, name)
          if (found !== undefined) earlier.set(name, found)
        }),
      )
      return earlier
    },

    async findCheckpoint(id: number, sequence: number): Promise<Checkpoint | undefined> {
      const row = await readOrder(id, sequence)
      const checkpoint = row?.checkpoint ?? sequence
      const stored = checkpoint === sequence ? row : await readOrder(id, checkpoint)
      return stored && { sequence: checkpoint, balance: balanceOf(stored) }
    },

    addHints(id: number, accepted: readonly DecidedOrder[]): void {
      hints.add(new Map(accepted.map(({ order, sequence }) => [hintKey(id, order), sequence])))
    },
  }
}

/** The items by which `createOrderLookup` finds these orders; their keys end with the sequence. */
export function indexItems(id: number, orders: readonly DecidedOrder[]): Item[] {
  const pk = { S: partitionOf(id) }
  const byDuplicateKey = orders
    .filter(({ refusals }) => refusals.length === 0)
    .map(({ order, sequence }) =>
      sortKey('LIKE', digestOf(duplicateKey(order)), effectiveMs(order), sequence),
    )
  const byClientOrderId = orders.flatMap(({ order, sequence }) =>
    order.clientOrderId === undefined ? [] : [sortKey('CLIENT', digestOf(order.clientOrderId), sequence)],
  )
  return [...byDuplicateKey, ...byClientOrderId].map((sk) => ({ pk, sk: { S: sk } }))
}

/** Those of the orders that are duplicates; orders with the same key and time are looked up once. */
async function duplicatesAmong(
  orders: readonly Order[],
  isDuplicate: (order: Order, index: number) => Promise<boolean>,
): Promise<Set<Order>> {
  const lookups = new Map<string, Promise<boolean>>()
  const duplicates = new Set<Order>()
  const decisions = orders.map(async (order, i) => {
    const key = `${effectiveMs(order)} ${duplicateKey(order)}`
    const lookup = lookups.get(key) ?? isDuplicate(order, i)
    lookups.set(key, lookup)
    if (await lookup) duplicates.add(order)
  })
  await Promise.all(decisions)
  return duplicates
}

function sequenceOf({ sk }: Item): number {
  return Number(sk?.S?.split('#').at(-1))
}

function isDuplicate(row: OrderRow, order: Order): boolean {
  const { order: stored } = recordOf(row)
  return (
    duplicateKey({ ...order, ...stored }) === duplicateKey(order) &&
    Math.abs(row.effective_at - effectiveMs(order)) < duplicateWindowMs
  )
}

function hintKey(id: number, order: Order): string {
  return `${id}:${digestOf(duplicateKey(order))}`
}

/** A fixed-length form of a text of any length and characters, for use in a key. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
