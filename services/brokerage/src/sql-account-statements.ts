import { prepareQuery } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
import type { IdempotencyTable } from '@quintet/chassis/idempotency'
import type { Page } from '@quintet/chassis/resource/rows'
import { sql } from 'kysely'
import type { ColumnType, Generated, Kysely } from 'kysely'
import type { LedgerEntry } from './port.ts'
import type { OrderRow } from './stored-rows.ts'

/** A 64-bit integer: bound as a bigint, and read as text, since a number could round it. */
type Int64 = ColumnType<never, bigint, bigint>

export type AccountTables = IdempotencyTable & {
  account: {
    id: Generated<number>
    cash: Int64
    version: number
    sequence: number
    last_timestamp: number | null
    checkpoint: number | null
    owner: Owner
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

export type BalanceStatements = ReturnType<typeof prepareBalanceStatements>
export type HistoryStatements = ReturnType<typeof prepareHistoryStatements>

type PositionKey = { account_id: number; issuer_name: string }
type PositionValues = PositionKey & { shares: bigint; price: bigint; cost: bigint; since: number }
type AccountUpdate = {
  id: number
  previousSequence: number
  amount: bigint
  cash: bigint
  version: number
  sequence: number
  last_timestamp: number | null
  checkpoint: number | null
}

/** The statements on accounts and their positions. */
export function prepareBalanceStatements(db: Kysely<AccountTables>) {
  return {
    // One statement, so that the cash and the positions are from one snapshot.
    find: prepareQuery((p: Placeholders<{ id: number }>) =>
      db
        .selectFrom('account')
        .leftJoin('position', 'position.account_id', 'account.id')
        .select(['account.id', 'account.version', 'account.sequence', 'account.last_timestamp'])
        .select(['account.checkpoint', 'account.owner'])
        .select(int64Text('account.cash').as('cash'))
        .select(['position.issuer_name', 'position.since'])
        .select([int64Text('position.shares').as('shares'), int64Text('position.price').as('price')])
        .select(int64Text('position.cost').as('cost'))
        .where('account.id', '=', p.id)
        .orderBy('position.since'),
    ),
    findOwner: prepareQuery((p: Placeholders<{ id: number }>) =>
      db.selectFrom('account').select('owner').where('id', '=', p.id),
    ),
    insertAccount: prepareQuery((p: Placeholders<{ cash: bigint; owner: Owner }>) =>
      db
        .insertInto('account')
        .values({
          cash: p.cash,
          version: 1,
          sequence: 0,
          last_timestamp: null,
          checkpoint: null,
          owner: p.owner,
        })
        .returning('id'),
    ),
    /** Affects no row unless the account is unchanged and the amount leads to this cash. */
    updateAccount: prepareQuery((p: Placeholders<AccountUpdate>) =>
      db
        .updateTable('account')
        .set({
          cash: sql<bigint>`cash + ${p.amount}`,
          version: p.version,
          sequence: p.sequence,
          last_timestamp: p.last_timestamp,
          checkpoint: p.checkpoint,
        })
        .where('id', '=', p.id)
        .where('sequence', '=', p.previousSequence)
        .where(sql<bigint>`cash + ${p.amount}`, '=', p.cash),
    ),
    insertPosition: prepareQuery((p: Placeholders<PositionValues>) =>
      db.insertInto('position').values({
        account_id: p.account_id,
        issuer_name: p.issuer_name,
        shares: p.shares,
        price: p.price,
        cost: p.cost,
        since: p.since,
      }),
    ),
    /** `shares` is the change of the shares. */
    updatePosition: prepareQuery((p: Placeholders<PositionValues>) =>
      db
        .updateTable('position')
        .set({ shares: sql<bigint>`shares + ${p.shares}`, price: p.price, cost: p.cost, since: p.since })
        .where('account_id', '=', p.account_id)
        .where('issuer_name', '=', p.issuer_name),
    ),
    /** Affects no row unless the change of the shares leaves none. */
    deletePosition: prepareQuery((p: Placeholders<PositionKey & { shares: bigint }>) =>
      db
        .deleteFrom('position')
        .where('account_id', '=', p.account_id)
        .where('issuer_name', '=', p.issuer_name)
        .where(sql<bigint>`shares + ${p.shares}`, '=', 0n),
    ),
  }
}

type LedgerValues = Omit<AccountTables['ledger'], 'shares' | 'amount' | 'cash'> & {
  shares: bigint
  amount: bigint
  cash: bigint
}
type DuplicateRange = Pick<
  AccountTables['order'],
  'account_id' | 'issuer_name' | 'operation' | 'total_shares'
> & { from: number; to: number }

/** All columns of an order but its balance, which may have a thousand positions. */
const recordColumns = [
  'sequence',
  'client_order_id',
  'operation',
  'issuer_name',
  'total_shares',
  'share_price',
  'timestamp',
  'received_at',
  'effective_at',
  'refusals',
] as const

/** The statements on orders and ledger entries. */
export function prepareHistoryStatements(db: Kysely<AccountTables>) {
  return {
    findDuplicate: prepareQuery((p: Placeholders<DuplicateRange>) =>
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
    findByClientOrderId: prepareQuery((p: Placeholders<{ account_id: number; client_order_id: string }>) =>
      db
        .selectFrom('order')
        .select(recordColumns)
        .where('account_id', '=', p.account_id)
        .where('client_order_id', '=', p.client_order_id),
    ),
    findCheckpoint: prepareQuery((p: Placeholders<{ account_id: number; sequence: number }>) =>
      db
        .selectFrom('order as repeated')
        .innerJoin('order as stored', (join) =>
          join
            .onRef('stored.account_id', '=', 'repeated.account_id')
            .on('stored.sequence', '=', sql<number>`coalesce(repeated.checkpoint, repeated.sequence)`),
        )
        .select(['stored.sequence', 'stored.balance'])
        .where('repeated.account_id', '=', p.account_id)
        .where('repeated.sequence', '=', p.sequence),
    ),
    insertOrder: prepareQuery((p: Placeholders<AccountTables['order']>) =>
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
        checkpoint: p.checkpoint,
        balance: p.balance,
      }),
    ),
    insertLedgerEntry: prepareQuery((p: Placeholders<LedgerValues>) =>
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
    listOrders: (id: number, { after, limit }: Page) =>
      db
        .selectFrom('order')
        .select(recordColumns)
        .where('account_id', '=', id)
        .where('sequence', '>', after)
        .orderBy('sequence')
        .limit(limit),
    listLedger: (id: number, { after, limit }: Page) =>
      db
        .selectFrom('ledger')
        .select(['sequence', 'kind', 'issuer_name', 'recorded_at'])
        .select([int64Text('ledger.shares').as('shares'), int64Text('ledger.amount').as('amount')])
        .select(int64Text('ledger.cash').as('cash'))
        .where('account_id', '=', id)
        .where('sequence', '>', after)
        .orderBy('sequence')
        .limit(limit),
  }
}

function int64Text(column: `${'account' | 'position' | 'ledger'}.${string}`) {
  return sql<string>`cast(${sql.ref(column)} as text)`
}
