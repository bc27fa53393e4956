import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '@quintet/chassis/errors'
import { DuplicateRequest, withId } from '@quintet/chassis/idempotency'
import type { Page } from '@quintet/chassis/resource/rows'
import { createBalanceReader } from '../balance-reader.ts'
import type { DuplicateHints } from '../duplicate-hints.ts'
import type { Account } from '../order.ts'
import type { AccountStore, OrderRecord } from '../port.ts'
import { entryOf, recordOf } from '../stored-rows.ts'
import type { LedgerRow, OrderRow } from '../stored-rows.ts'
import { acceptedOf, batchPuts, isConsistent, openingPuts, plainPut } from './batch-puts.ts'
import type { DynamodbConnection, Put } from './connection.ts'
import { recordPut } from './idempotency-store.ts'
import { accountKey, accountOf, bytesOf, counterKey, partitionOf, sortKey, unpackWeighed } from './items.ts'
import { createOrderLookup, indexItems } from './order-lookup.ts'

/** The limits of a transaction (Amazon DynamoDB Developer Guide, quotas), less room for what surrounds the items. */
const itemsPerTransactionMax = 100
const bytesPerTransactionMax = 3_900_000

/**
 * Accounts in one table of DynamoDB. An account is one item with all its positions, and a unit of orders replaces it on the
 * condition that it is unchanged since the orders were decided. Whatever was read after the account, by strongly consistent
 * reads, is therefore still true at the commit; otherwise the orders are decided again.
 *
 * The orders and ledger entries of a unit are packed into few items, so that a whole batch fits into a transaction.
 */
export function createDynamodbAccountStore(
  connection: DynamodbConnection,
  hints: DuplicateHints,
): AccountStore {
  const lookup = createOrderLookup(connection, hints)

  async function find(id: number): Promise<Account | undefined> {
    const item = await connection.get(accountKey(id))
    return item && accountOf(id, item)
  }

  /** Commits all puts or none; resolves to the indexes of those whose conditions failed. */
  async function commit(puts: readonly Put[], unit: string): Promise<readonly number[]> {
    if (puts.length > itemsPerTransactionMax || sizeOf(puts) > bytesPerTransactionMax)
      throw new AppError(
        'body_too_large',
        'The orders exceed the size of a transaction; send fewer orders at once.',
      )
    return connection.transact(puts, unit)
  }

  async function list<Row extends { sequence: number }>(
    id: number,
    kind: 'ORDER' | 'LEDGER',
    { after, limit, bytesMax = Number.POSITIVE_INFINITY }: Page,
  ): Promise<{ row: Row; bytes: number }[]> {
    const rows: { row: Row; bytes: number }[] = []
    let bytesRead = 0
    const from = Math.min(Math.max(Math.trunc(after) + 1, 0), Number.MAX_SAFE_INTEGER)
    for await (const item of connection.query(partitionOf(id), sortKey(kind, from), sortKey(kind))) {
      const { rows: packed, bytesPerRow } = unpackWeighed<Row>(item)
      const found = packed.filter(({ sequence }) => sequence > after)
      rows.push(...found.map((row) => ({ row, bytes: bytesPerRow })))
      bytesRead += found.length * bytesPerRow
      if (rows.length >= limit || bytesRead >= bytesMax) break
      // A page of the query may have many items, each of them large when it is decompressed.
      await nextTurn()
    }
    return rows.slice(0, limit)
  }

  async function listOrders(id: number, page: Page): Promise<OrderRecord[]> {
    const found = await list<OrderRow>(id, 'ORDER', page)
    return found.map(({ row, bytes }) => ({ ...recordOf(row), bytes }))
  }

  return {
    // Each request may have an idempotency record, which is an item of its own.
    requestsPerUnitMax: 64,

    find,

    async findOwner(id) {
      const item = await connection.get(accountKey(id), ['pk', 'owner'])
      return item && (item.owner?.S ?? null)
    },

    async open(account, records) {
      const id = await connection.increment(counterKey)
      const unit = randomUUID()
      const recordPuts = records.map(({ response, ...record }) =>
        recordPut({ ...record, response: withId(response, id) }, unit),
      )
      const failed = await commit([...openingPuts(id, account, unit), ...recordPuts], unit)
      if (failed.includes(0)) throw new Error(`Account ${id} exists, although the counter was below it.`)
      if (failed.length > 0) throw new DuplicateRequest()
      return id
    },

    async loadContext(id, orders) {
      const [account, hinted] = await Promise.all([find(id), lookup.findHinted(id, orders)])
      if (account === undefined) return undefined
      const duplicates = await lookup.findDuplicates(id, orders, hinted)
      const earlier = await lookup.findEarlier(id, orders)
      return { account, duplicates, earlier }
    },

    findBalances: createBalanceReader({ findCheckpoint: lookup.findCheckpoint, listOrders }),

    async commitBatch(batch, records) {
      const { orders, before } = batch
      if (!isConsistent(batch)) return false
      const unit = randomUUID()
      const orderPuts = batchPuts(batch, unit)
      const puts = [...orderPuts, ...records.map((record) => recordPut(record, unit))]
      if (puts.length === 0) return true
      const index = indexItems(before.id, orders)
      const hasRoom = puts.length + index.length <= itemsPerTransactionMax
      if (!hasRoom) await connection.putAll(index)
      const failed = await commit(hasRoom ? [...puts, ...index.map(plainPut)] : puts, unit)
      if (failed.includes(0) && orderPuts.length > 0) return false
      if (failed.length > 0) throw new DuplicateRequest()
      lookup.addHints(before.id, acceptedOf(orders))
      return true
    },

    listOrders,

    async listLedger(id, page) {
      const found = await list<LedgerRow>(id, 'LEDGER', page)
      return found.map(({ row, bytes }) => ({ ...entryOf(row), bytes }))
    },

    /** Of the ids that were given out, a few of which no account has. */
    async sample(max) {
      const last = Number((await connection.get(counterKey))?.last?.N ?? 0)
      if (last <= max) return Array.from({ length: last }, (_, i) => i + 1)
      return [...new Set(Array.from({ length: max }, () => 1 + Math.floor(Math.random() * last)))]
    },
  }
}

function sizeOf(puts: readonly Put[]): number {
  return puts.reduce((sum, { item, values = {} }) => sum + bytesOf({ M: item }) + bytesOf({ M: values }), 0)
}
