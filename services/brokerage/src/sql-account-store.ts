import { randomKeys, returnedBy } from '@quintet/chassis/database'
import type { Database, Statement } from '@quintet/chassis/database'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { Page } from '@quintet/chassis/resource/rows'
import { createBalanceReader } from './balance-reader.ts'
import type { Checkpoint } from './balance-reader.ts'
import type { AccountStore, EarlierOrder, LedgerEntry, OrderBatch, OrderRecord } from './port.ts'
import { formatDecimal } from './decimal.ts'
import { clientOrderIdsOf, duplicateWindowMs, effectiveMs, movementOf, operationOf } from './order.ts'
import type { Account, DecidedOrder, Order, Position } from './order.ts'
import { prepareBalanceStatements, prepareHistoryStatements } from './sql-account-statements.ts'
import type { AccountTables, BalanceStatements, HistoryStatements } from './sql-account-statements.ts'
import { balanceOf, entryOf, ledgerEntry, openingEntry, orderRow, recordOf } from './stored-rows.ts'

/** Accounts in a SQL database, whose constraints refuse negative cash and shares. */
export function createSqlAccountStore(database: Database<AccountTables>): AccountStore {
  const balances = prepareBalanceStatements(database.query)
  const history = prepareHistoryStatements(database.query)
  const insertRecords = recordStatements(database.query)

  async function find(id: number): Promise<Account | undefined> {
    const rows = await database.read(balances.find({ id }))
    return rows[0] && accountOf(rows[0], rows)
  }

  async function isDuplicate(id: number, order: Order): Promise<boolean> {
    const at = effectiveMs(order)
    const query = history.findDuplicate({
      account_id: id,
      issuer_name: order.issuer,
      operation: operationOf(order),
      total_shares: formatDecimal(order.shares),
      from: at - duplicateWindowMs,
      to: at + duplicateWindowMs,
    })
    return (await database.read(query)).length > 0
  }

  async function findEarlier(id: number, clientOrderId: string): Promise<EarlierOrder | undefined> {
    const query = history.findByClientOrderId({ account_id: id, client_order_id: clientOrderId })
    const [row] = await database.read(query)
    return row && recordOf(row)
  }

  async function findCheckpoint(id: number, sequence: number): Promise<Checkpoint | undefined> {
    const [row] = await database.read(history.findCheckpoint({ account_id: id, sequence }))
    return row && { sequence: row.sequence, balance: balanceOf(row) }
  }

  async function listOrders(id: number, page: Page): Promise<OrderRecord[]> {
    return (await history.listOrders(id, page).execute()).map(recordOf)
  }

  return {
    requestsPerUnitMax: 256,

    find,

    async findOwner(id) {
      return (await database.read(balances.findOwner({ id })))[0]?.owner
    },

    async open({ cash, owner, openedMs }, records) {
      const insert = balances.insertAccount({ cash, owner })
      const id = returnedBy(insert, 'id')
      const row = { ...ledgerRow(0, openingEntry(cash, openedMs)), account_id: id }
      const unit = [insert, history.insertLedgerEntry(row), ...insertRecords(records, id)]
      const { results } = await database.commit(unit)
      return Number(results[0]?.rows[0]?.id)
    },

    async loadContext(id, orders) {
      const account = await find(id)
      if (account === undefined) return undefined
      const duplicates = new Set<Order>()
      for (const order of orders) if (await isDuplicate(id, order)) duplicates.add(order)
      const earlier = new Map<string, EarlierOrder>()
      for (const clientOrderId of clientOrderIdsOf(orders)) {
        const found = await findEarlier(id, clientOrderId)
        if (found !== undefined) earlier.set(clientOrderId, found)
      }
      return { account, duplicates, earlier }
    },

    findBalances: createBalanceReader({ findCheckpoint, listOrders }),

    async commitBatch(batch, records) {
      if (batch.orders.length === 0 && records.length === 0) return true
      const statements = batch.orders.length === 0 ? [] : batchStatements(batch, balances, history)
      const { failedStatement } = await database.commit([...statements, ...insertRecords(records)])
      return failedStatement === undefined
    },

    listOrders,

    async listLedger(id, page) {
      return (await history.listLedger(id, page).execute()).map(entryOf)
    },

    async sample(max) {
      return (await randomKeys(database, { table: 'account' }, max)).map(Number)
    },
  }
}

/** Cash and shares change by the sums of the ledger entries of the same unit, so they cannot drift from the ledger. */
function batchStatements(
  { before, after, orders }: OrderBatch,
  balances: BalanceStatements,
  history: HistoryStatements,
): Statement[] {
  const accepted = orders.filter(({ refusals }) => refusals.length === 0)
  const update = balances.updateAccount({
    id: before.id,
    previousSequence: before.sequence,
    amount: accepted.reduce((sum, { order }) => sum + movementOf(order).amount, 0n),
    cash: after.cash,
    version: after.version,
    sequence: after.sequence,
    last_timestamp: after.lastTimestampMs ?? null,
    checkpoint: after.checkpoint ?? null,
  })
  return [
    { ...update, mustAffectRows: true },
    ...orders.map((decided) => history.insertOrder({ account_id: before.id, ...orderRow(decided) })),
    ...accepted.map((decided) => history.insertLedgerEntry(ledgerRow(before.id, ledgerEntry(decided)))),
    ...positionStatements(before, after, accepted, balances),
  ]
}

function positionStatements(
  before: Account,
  after: Account,
  accepted: readonly DecidedOrder[],
  balances: BalanceStatements,
): Statement[] {
  const changes = new Map<string, bigint>()
  for (const { order } of accepted)
    changes.set(order.issuer, (changes.get(order.issuer) ?? 0n) + movementOf(order).shares)
  return [...changes].flatMap(([issuer_name, shares]): Statement[] => {
    const key = { account_id: before.id, issuer_name }
    const position = after.positions.get(issuer_name)
    const exists = before.positions.has(issuer_name)
    if (position === undefined)
      return exists ? [{ ...balances.deletePosition({ ...key, shares }), mustAffectRows: true }] : []
    const { price, cost, since } = position
    const upsert = exists ? balances.updatePosition : balances.insertPosition
    return [{ ...upsert({ ...key, shares, price, cost, since }), mustAffectRows: true }]
  })
}

function ledgerRow(account_id: number, { issuer, recordedMs, ...entry }: LedgerEntry) {
  return { account_id, issuer_name: issuer ?? null, recorded_at: recordedMs, ...entry }
}

type AccountRow = Omit<Account, 'cash' | 'positions' | 'lastTimestampMs' | 'checkpoint'> & {
  cash: string
  last_timestamp: number | null
  checkpoint: number | null
}
type PositionRow = { [K in 'issuer_name' | 'shares' | 'price' | 'cost']: string | null } & {
  since: number | null
}

/** An account without positions is one row without a position. */
function accountOf(row: AccountRow, rows: readonly PositionRow[]): Account {
  const positions = new Map<string, Position>()
  for (const { issuer_name, shares, price, cost, since } of rows)
    if (issuer_name !== null)
      positions.set(issuer_name, {
        shares: BigInt(shares ?? 0),
        price: BigInt(price ?? 0),
        cost: BigInt(cost ?? 0),
        since: Number(since),
      })
  const { id, owner, version, sequence, cash, last_timestamp, checkpoint } = row
  return {
    id,
    owner,
    version,
    sequence,
    cash: BigInt(cash),
    lastTimestampMs: last_timestamp ?? undefined,
    checkpoint: checkpoint ?? undefined,
    positions,
  }
}
