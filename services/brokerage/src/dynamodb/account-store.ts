import { createHash, randomUUID } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'
import { withId, DuplicateRequest } from '@quintet/chassis/idempotency'
import type { AccountStore, EarlierOrder, OrderBatch } from '../port.ts'
import { answerPut } from './idempotency-store.ts'
import type { DuplicateHints } from '../duplicate-hints.ts'
import { accountItem, accountOf, bytesOf, keyOf, packInParts, unpack } from './items.ts'
import type { DynamodbConnection, Item, Key, Put } from './connection.ts'
import { duplicateWindowMs, effectiveMs, duplicateKey, movementOf } from '../order.ts'
import type { Account, DecidedOrder, Order } from '../order.ts'
import { earlierOf, entryOf, ledgerEntry, openingEntry, orderRow, recordOf } from '../stored-rows.ts'
import type { LedgerRow, OrderRow } from '../stored-rows.ts'

/** The bounds of a transaction (Amazon DynamoDB Developer Guide, quotas); some room is left for what surrounds the items. */
const itemsPerTransactionMax = 100
const bytesPerTransactionMax = 3_900_000

/**
 * Accounts in one table of DynamoDB. An account is one item with all its positions, and a unit of orders replaces it under
 * the condition that it is still the account that they were decided on. What is read after the account, in strongly
 * consistent reads, is therefore as true when they are filed as it was then, or else they are decided again.
 *
 * The orders and the ledger entries of a unit are lists in few items, so that a transaction has room for a whole batch. To be
 * found by what they say, orders have index items beside them, which prove nothing: who finds one looks at the order.
 */
export function createDynamodbAccountStore(link: DynamodbConnection, hints: DuplicateHints): AccountStore {
  async function find(id: number): Promise<Account | undefined> {
    const item = await link.get(accountKey(id))
    return item && accountOf(id, item)
  }

  async function readOrder(id: number, sequence: number): Promise<OrderRow | undefined> {
    for await (const item of link.range(partitionOf(id), keyOf('ORDER', sequence), keyOf('ORDER'), 1))
      return unpack<OrderRow>(item).find((row) => row.sequence === sequence)
    return undefined
  }

  async function isLike(id: number, sequence: number, order: Order): Promise<boolean> {
    const row = await readOrder(id, sequence)
    return row !== undefined && row.refusals === null && isDuplicateOf(row, order)
  }

  /** Those that a hint shows to be repeated: no order that was accepted is ever taken back, so it may be looked for at any time. */
  async function findHinted(id: number, orders: readonly Order[]): Promise<Set<Order>> {
    const found = await hints.find(orders.map((order) => hintKey(id, order)))
    const repeated = new Set<Order>()
    await Promise.all(
      orders.map(async (order, i) => {
        const sequence = found[i]
        if (sequence !== undefined && (await isLike(id, sequence, order))) repeated.add(order)
      }),
    )
    return repeated
  }

  async function isRepeated(id: number, order: Order): Promise<boolean> {
    const at = effectiveMs(order)
    const alike = (ms: number) => keyOf('LIKE', digestOf(duplicateKey(order)), ms)
    const [from, to] = [alike(at - duplicateWindowMs + 1), alike(at + duplicateWindowMs - 1)]
    for await (const item of link.range(partitionOf(id), from, `${to}#~`)) {
      if (await isLike(id, sequenceOf(item), order)) return true
    }
    return false
  }

  async function findEarlier(id: number, clientOrderId: string): Promise<EarlierOrder | undefined> {
    const key = keyOf('CLIENT', digestOf(clientOrderId))
    for await (const item of link.range(partitionOf(id), `${key}#`, `${key}#~`)) {
      const row = await readOrder(id, sequenceOf(item))
      if (row?.client_order_id === clientOrderId) return earlierOf(row)
    }
    return undefined
  }

  /** Does all of a unit or nothing; tells which of the puts stood against it. */
  async function commit(puts: readonly Put[], witness: Put, unit: string): Promise<readonly number[]> {
    if (puts.length > itemsPerTransactionMax || sizeOf(puts) > bytesPerTransactionMax)
      throw new AppError(
        'body_too_large',
        'These orders are too much for one transaction; send fewer at once.',
      )
    const { pk, sk } = witness.item
    const key = { pk: pk?.S ?? '', sk: sk?.S ?? '' }
    return link.transact(puts, unit, async () => (await link.get(key))?.unit?.S === unit)
  }

  return {
    // Each may have an answer to keep, which is an item of its own.
    requestsPerUnitMax: 64,

    find,

    async open({ cash, openedMs }, answers) {
      const id = await link.next({ pk: 'COUNTER', sk: 'ACCOUNT' })
      const unit = randomUUID()
      const account = {
        id,
        cash,
        version: 1,
        sequence: 0,
        lastTimestampMs: undefined,
        positions: new Map(),
      }
      const opened = { item: withUnit(accountItem(accountKey(id), account), unit), condition: isAbsent }
      const entry = packInParts(partitionOf(id), 'LEDGER', [ledgerRow(openingEntry(cash, openedMs))])
      const kept = answers.map(({ response, ...one }) =>
        answerPut({ ...one, response: withId(response, id) }, unit),
      )
      const failed = await commit([opened, ...entry.map(plainPut), ...kept], opened, unit)
      if (failed.includes(0)) throw new Error(`There is an account ${id}, which the counter has not come to.`)
      if (failed.length > 0) throw new DuplicateRequest()
      return id
    },

    async loadContext(id, orders) {
      const [account, repeated] = await Promise.all([find(id), findHinted(id, orders)])
      if (account === undefined) return undefined
      const earlier = new Map<string, EarlierOrder>()
      await Promise.all(
        orders.map(async (order) => {
          if (!repeated.has(order) && (await isRepeated(id, order))) repeated.add(order)
        }),
      )
      const names = new Set(orders.flatMap(({ clientOrderId }) => clientOrderId ?? []))
      await Promise.all(
        [...names].map(async (name) => {
          const found = await findEarlier(id, name)
          if (found !== undefined) earlier.set(name, found)
        }),
      )
      return { account, repeated, earlier }
    },

    async commitBatch(filing, answers) {
      const { orders, before } = filing
      if (orders.length === 0 && answers.length === 0) return true
      const unit = randomUUID()
      if (!isSound(filing)) return false
      const filed = putsOf(filing, unit)
      const puts = [...filed, ...answers.map((answer) => answerPut(answer, unit))]
      const index = indexItems(before.id, orders)
      const hasRoom = puts.length + index.length <= itemsPerTransactionMax
      if (!hasRoom) await link.putAll(index)
      const witness = puts[filed.length > 0 ? 1 : 0]
      if (witness === undefined) return true
      const failed = await commit(hasRoom ? [...puts, ...index.map(plainPut)] : puts, witness, unit)
      if (failed.includes(0) && filed.length > 0) return false
      if (failed.length > 0) throw new DuplicateRequest()
      const accepted = acceptedOf(orders)
      hints.add(new Map(accepted.map(({ order, sequence }) => [hintKey(before.id, order), sequence])))
      return true
    },

    async listOrders(id, { after, limit }) {
      return (await list<OrderRow>(id, 'ORDER', after, limit)).map(recordOf)
    },

    async listLedger(id, { after, limit }) {
      return (await list<LedgerRow>(id, 'LEDGER', after, limit)).map(entryOf)
    },
  }

  async function list<Row extends { sequence: number }>(
    id: number,
    kind: 'ORDER' | 'LEDGER',
    after: number,
    limit: number,
  ): Promise<Row[]> {
    const rows: Row[] = []
    const from = Math.min(Math.max(Math.trunc(after) + 1, 0), Number.MAX_SAFE_INTEGER)
    for await (const item of link.range(partitionOf(id), keyOf(kind, from), keyOf(kind))) {
      rows.push(...unpack<Row>(item).filter(({ sequence }) => sequence > after))
      if (rows.length >= limit) break
    }
    return rows.slice(0, limit)
  }
}

const isAbsent = 'attribute_not_exists(pk)'

function partitionOf(id: number): string {
  return `ACCOUNT#${id}`
}

function accountKey(id: number): Key {
  return { pk: partitionOf(id), sk: 'ACCOUNT' }
}

/** The account first, then what its orders and entries are; nothing where there are no orders. */
function putsOf({ before, after, orders }: OrderBatch, unit: string): Put[] {
  if (orders.length === 0) return []
  const pk = partitionOf(before.id)
  const was = accountItem(accountKey(before.id), before)
  const account = {
    item: withUnit(accountItem(accountKey(before.id), after), unit),
    condition: '#sequence = :sequence and #cash = :cash and #positions = :positions',
    names: { '#sequence': 'sequence', '#cash': 'cash', '#positions': 'positions' },
    values: {
      ':sequence': was.sequence ?? { NULL: true },
      ':cash': was.cash ?? { NULL: true },
      ':positions': was.positions ?? { NULL: true },
    },
  }
  const rows = packInParts(pk, 'ORDER', orders.map(orderRow)).map((item) => withUnit(item, unit))
  const entries = packInParts(pk, 'LEDGER', acceptedOf(orders).map(ledgerEntry).map(ledgerRow))
  return [account, ...rows.map(plainPut), ...entries.map(plainPut)]
}

/** Cash and shares are what the entries make of those of before, and nothing is below zero, whatever the rules said. */
function isSound({ before, after, orders }: OrderBatch): boolean {
  const accepted = acceptedOf(orders)
  const cash = accepted.reduce((sum, { order }) => sum + movementOf(order).amount, before.cash)
  const shares = new Map([...before.positions].map(([issuer, position]) => [issuer, position.shares]))
  for (const { order } of accepted)
    shares.set(order.issuer, (shares.get(order.issuer) ?? 0n) + movementOf(order).shares)
  if (cash < 0n || [...shares.values()].some((count) => count < 0n))
    throw new Error('The cash or the shares of an account would be less than nothing.')
  const held = [...shares].filter(([, count]) => count > 0n)
  return (
    cash === after.cash &&
    held.length === after.positions.size &&
    held.every(([issuer, count]) => after.positions.get(issuer)?.shares === count)
  )
}

function acceptedOf(orders: readonly DecidedOrder[]): DecidedOrder[] {
  return orders.filter(({ refusals }) => refusals.length === 0)
}

/** By what they say, orders are found through keys that end with their sequence. */
function indexItems(id: number, orders: readonly DecidedOrder[]): Item[] {
  const pk = { S: partitionOf(id) }
  const alike = acceptedOf(orders).map(({ order, sequence }) =>
    keyOf('LIKE', digestOf(duplicateKey(order)), effectiveMs(order), sequence),
  )
  const named = orders.flatMap(({ order, sequence }) =>
    order.clientOrderId === undefined ? [] : [keyOf('CLIENT', digestOf(order.clientOrderId), sequence)],
  )
  return [...alike, ...named].map((sk) => ({ pk, sk: { S: sk } }))
}

function sequenceOf({ sk }: Item): number {
  return Number(/\d+$/.exec(sk?.S ?? '')?.[0])
}

function isDuplicateOf(row: OrderRow, order: Order): boolean {
  const { order: kept } = recordOf(row)
  return (
    duplicateKey({ ...order, ...kept }) === duplicateKey(order) &&
    Math.abs(row.effective_at - effectiveMs(order)) < duplicateWindowMs
  )
}

function hintKey(id: number, order: Order): string {
  return `${id}:${digestOf(duplicateKey(order))}`
}

/** Of any length and any characters; in a key it has neither. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function ledgerRow({
  issuer,
  shares,
  amount,
  cash,
  recordedMs,
  ...rest
}: ReturnType<typeof entryOf>): LedgerRow {
  return {
    ...rest,
    issuer_name: issuer ?? null,
    shares: String(shares),
    amount: String(amount),
    cash: String(cash),
    recorded_at: recordedMs,
  }
}

/** What a unit has written tells that the unit was done. */
function withUnit(item: Item, unit: string): Item {
  return { ...item, unit: { S: unit } }
}

function plainPut(item: Item): Put {
  return { item }
}

function sizeOf(puts: readonly Put[]): number {
  return puts.reduce((sum, { item, values = {} }) => sum + bytesOf({ M: item }) + bytesOf({ M: values }), 0)
}
