import { prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Database, Placeholders, Statement } from '@quintet/chassis/database'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyTable } from '@quintet/chassis/idempotency'
import { sql } from 'kysely'
import type { ColumnType, Generated, Kysely } from 'kysely'
import type { AccountStore, EarlierOrder, OrderBatch, LedgerEntry } from './port.ts'
import { formatDecimal } from './decimal.ts'
import { duplicateWindowMs, effectiveMs, movementOf, operationOf } from './order.ts'
import type { Account, DecidedOrder, Order, Position } from './order.ts'
import { earlierOf, entryOf, ledgerEntry, openingEntry, orderRow, recordOf } from './stored-rows.ts'
import type { OrderRow } from './stored-rows.ts'

/** A 64-bit integer, which is bound as a bigint, and read as text since a number of the language might round it. */
type Int64 = ColumnType<never, bigint, bigint>

export type AccountTables = IdempotencyTable & {
  account: {
    id: Generated<number>
    cash: Int64
    version: number
    sequence: number
    last_timestamp: number | null
  }
  position: {
    account_id: number
    issuer_name: string
    shares: Int64
    price: Int64
    cost: Int64
    since: number
  }
  order: OrderRow & { account_id: number }
  ledger: {
    account_id: number
    sequence: number
    kind: LedgerEntry['kind']
    issuer_name: string | null
    shares: Int64
    amount: Int64
    cash: Int64
    recorded_at: number
  }
}

/** Accounts in a SQL database. The database itself refuses what would leave less than nothing. */
export function createSqlAccountStore(database: Database<AccountTables>): AccountStore {
  const statements = prepareStatements(database.query)
  const toKeep = recordStatements(database.query)

  async function find(id: number): Promise<Account | undefined> {
    const rows = await database.read(statements.find({ id }))
    return rows[0] && accountOf(rows[0], rows)
  }

  async function isRepeated(id: number, order: Order): Promise<boolean> {
    const at = effectiveMs(order)
    const alike = statements.alike({
      account_id: id,
      issuer_name: order.issuer,
      operation: operationOf(order),
      total_shares: formatDecimal(order.shares),
      from: at - duplicateWindowMs,
      to: at + duplicateWindowMs,
    })
    return (await database.read(alike)).length > 0
  }

  async function findEarlier(id: number, clientOrderId: string): Promise<EarlierOrder | undefined> {
    const [row] = await database.read(statements.earlier({ account_id: id, client_order_id: clientOrderId }))
    return row && earlierOf(row)
  }

  return {
    requestsPerUnitMax: 256,

    find,

    async open({ cash, openedMs }, answers) {
      const insert = statements.open({ cash })
      const id = returnedBy(insert, 'id')
      const entry = statements.enter({ ...ledgerRow(0, openingEntry(cash, openedMs)), account_id: id })
      const { results } = await database.commit([insert, entry, ...toKeep(answers, id)])
      return Number(results[0]?.rows[0]?.id)
    },

    async loadContext(id, orders) {
      const account = await find(id)
      if (account === undefined) return undefined
      const repeated = new Set<Order>()
      const earlier = new Map<string, EarlierOrder>()
      for (const order of orders) {
        if (await isRepeated(id, order)) repeated.add(order)
        if (order.clientOrderId === undefined) continue
        const found = await findEarlier(id, order.clientOrderId)
        if (found !== undefined) earlier.set(order.clientOrderId, found)
      }
      return { account, repeated, earlier }
    },

    async commitBatch(filing, answers) {
      if (filing.orders.length === 0 && answers.length === 0) return true
      const unit = filing.orders.length === 0 ? [] : statementsOf(filing, statements)
      const { failedStatement } = await database.commit([...unit, ...toKeep(answers)])
      return failedStatement === undefined
    },

    async listOrders(id, { after, limit }) {
      const rows = await database.query
        .selectFrom('order')
        .selectAll()
        .where('account_id', '=', id)
        .where('sequence', '>', after)
        .orderBy('sequence')
        .limit(limit)
        .execute()
      return rows.map(recordOf)
    },

    async listLedger(id, { after, limit }) {
      const rows = await database.query
        .selectFrom('ledger')
        .select(['sequence', 'kind', 'issuer_name', 'recorded_at'])
        .select([textOf('ledger.shares').as('shares'), textOf('ledger.amount').as('amount')])
        .select(textOf('ledger.cash').as('cash'))
        .where('account_id', '=', id)
        .where('sequence', '>', after)
        .orderBy('sequence')
        .limit(limit)
        .execute()
      return rows.map(entryOf)
    },
  }
}

type Statements = ReturnType<typeof prepareStatements>

function prepareStatements(db: Kysely<AccountTables>) {
  return {
    // One statement, so that the cash and the positions are those of one moment.
    find: prepareQuery((p: Placeholders<{ id: number }>) =>
      db
        .selectFrom('account')
        .leftJoin('position', 'position.account_id', 'account.id')
        .select(['account.id', 'account.version', 'account.sequence', 'account.last_timestamp'])
        .select(textOf('account.cash').as('cash'))
        .select(['position.issuer_name', 'position.since'])
        .select([textOf('position.shares').as('shares'), textOf('position.price').as('price')])
        .select(textOf('position.cost').as('cost'))
        .where('account.id', '=', p.id)
        .orderBy('position.since'),
    ),
    alike: prepareQuery(
      (
        p: Placeholders<
          Pick<Tables['order'], 'account_id' | 'issuer_name' | 'operation' | 'total_shares'> & {
            from: number
            to: number
          }
        >,
      ) =>
        db
          .selectFrom('order')
          .select('sequence')
          .where('account_id', '=', p.account_id)
          .where('issuer_name', '=', p.issuer_name)
          .where('operation', '=', p.operation)
          .where('total_shares', '=', p.total_shares)
          .where('effective_at', '>', p.from)
          .where('effective_at', '<', p.to)
          .where('refusals', 'is', null)
          .limit(1),
    ),
    earlier: prepareQuery((p: Placeholders<{ account_id: number; client_order_id: string }>) =>
      db
        .selectFrom('order')
        .selectAll()
        .where('account_id', '=', p.account_id)
        .where('client_order_id', '=', p.client_order_id),
    ),
    open: prepareQuery((p: Placeholders<{ cash: bigint }>) =>
      db
        .insertInto('account')
        .values({ cash: p.cash, version: 1, sequence: 0, last_timestamp: null })
        .returning('id'),
    ),
    move: prepareQuery(
      (
        p: Placeholders<{
          id: number
          was: number
          amount: bigint
          cash: bigint
          version: number
          sequence: number
          last_timestamp: number | null
        }>,
      ) =>
        db
          .updateTable('account')
          .set({
            cash: sql<bigint>`cash + ${p.amount}`,
            version: p.version,
            sequence: p.sequence,
            last_timestamp: p.last_timestamp,
          })
          .where('id', '=', p.id)
          .where('sequence', '=', p.was)
          .where(sql<bigint>`cash + ${p.amount}`, '=', p.cash),
    ),
    fileOrder: prepareQuery((p: Placeholders<Tables['order']>) =>
      db.insertInto('order').values({
        account_id: p.account_id,
        sequence: p.sequence,
        client_order_id: p.client_order_id,
        operation: p.operation,
        issuer_name: p.issuer_name,
        total_shares: p.total_shares,
        share_price: p.share_price,
        timestamp: p.timestamp,
        received_at: p.received_at,
        effective_at: p.effective_at,
        refusals: p.refusals,
        balance: p.balance,
      }),
    ),
    enter: prepareQuery(
      (
        p: Placeholders<
          Omit<Tables['ledger'], 'shares' | 'amount' | 'cash'> & {
            shares: bigint
            amount: bigint
            cash: bigint
          }
        >,
      ) =>
        db.insertInto('ledger').values({
          account_id: p.account_id,
          sequence: p.sequence,
          kind: p.kind,
          issuer_name: p.issuer_name,
          shares: p.shares,
          amount: p.amount,
          cash: p.cash,
          recorded_at: p.recorded_at,
        }),
    ),
    begin: prepareQuery((p: Placeholders<PositionKey & PositionChange>) =>
      db.insertInto('position').values({
        account_id: p.account_id,
        issuer_name: p.issuer_name,
        shares: p.shares,
        price: p.price,
        cost: p.cost,
        since: p.since,
      }),
    ),
    change: prepareQuery((p: Placeholders<PositionKey & PositionChange>) =>
      db
        .updateTable('position')
        .set({ shares: sql<bigint>`shares + ${p.shares}`, price: p.price, cost: p.cost, since: p.since })
        .where('account_id', '=', p.account_id)
        .where('issuer_name', '=', p.issuer_name),
    ),
    end: prepareQuery((p: Placeholders<PositionKey & { shares: bigint }>) =>
      db
        .deleteFrom('position')
        .where('account_id', '=', p.account_id)
        .where('issuer_name', '=', p.issuer_name)
        .where(sql<bigint>`shares + ${p.shares}`, '=', 0n),
    ),
  }
}

type Tables = { [T in 'order' | 'ledger']: AccountTables[T] }
type PositionKey = { account_id: number; issuer_name: string }
type PositionChange = { shares: bigint; price: bigint; cost: bigint; since: number }

/** Cash and shares are moved by the sums of the entries that are made of the same orders, so they cannot drift from them. */
function statementsOf({ before, after, orders }: OrderBatch, statements: Statements): Statement[] {
  const accepted = orders.filter(({ refusals }) => refusals.length === 0)
  const move = statements.move({
    id: before.id,
    was: before.sequence,
    amount: accepted.reduce((sum, { order }) => sum + movementOf(order).amount, 0n),
    cash: after.cash,
    version: after.version,
    sequence: after.sequence,
    last_timestamp: after.lastTimestampMs ?? null,
  })
  return [
    { ...move, mustAffectRows: true },
    ...orders.map((filed) => statements.fileOrder({ account_id: before.id, ...orderRow(filed) })),
    ...accepted.map((filed) => statements.enter(ledgerRow(before.id, ledgerEntry(filed)))),
    ...positionStatements(before, after, accepted, statements),
  ]
}

function positionStatements(
  before: Account,
  after: Account,
  accepted: readonly DecidedOrder[],
  statements: Statements,
): Statement[] {
  const moved = new Map<string, bigint>()
  for (const { order } of accepted)
    moved.set(order.issuer, (moved.get(order.issuer) ?? 0n) + movementOf(order).shares)
  return [...moved].flatMap(([issuer_name, shares]) => {
    const key = { account_id: before.id, issuer_name }
    const position = after.positions.get(issuer_name)
    const isHeld = before.positions.has(issuer_name)
    if (position === undefined)
      return isHeld ? [{ ...statements.end({ ...key, shares }), mustAffectRows: true }] : []
    const { price, cost, since } = position
    const change = { ...key, shares, price, cost, since }
    return [{ ...(isHeld ? statements.change(change) : statements.begin(change)), mustAffectRows: true }]
  })
}

function ledgerRow(account_id: number, { issuer, recordedMs, ...entry }: LedgerEntry) {
  return { account_id, issuer_name: issuer ?? null, recorded_at: recordedMs, ...entry }
}

type AccountRow = Omit<Account, 'cash' | 'positions' | 'lastTimestampMs'> & {
  cash: string
  last_timestamp: number | null
}
type PositionRow = { [K in 'issuer_name' | 'shares' | 'price' | 'cost']: string | null } & {
  since: number | null
}

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
  const { id, version, sequence, cash, last_timestamp } = row
  return {
    id,
    version,
    sequence,
    cash: BigInt(cash),
    lastTimestampMs: last_timestamp ?? undefined,
    positions,
  }
}

function textOf(column: `${'account' | 'position' | 'ledger'}.${string}`) {
  return sql<string>`cast(${sql.ref(column)} as text)`
}
