import { movementOf } from '../order.ts'
import type { Account, DecidedOrder } from '../order.ts'
import type { LedgerEntry, NewAccount, OrderBatch } from '../port.ts'
import { ledgerEntry, openingEntry, orderRow } from '../stored-rows.ts'
import type { LedgerRow } from '../stored-rows.ts'
import type { Item, Put } from './connection.ts'
import { accountItem, packInParts, partitionOf } from './items.ts'

/** A new account, whose put fails if there is one of this id, and then its first ledger entry. */
export function openingPuts(id: number, { cash, owner, openedMs }: NewAccount, unit: string): Put[] {
  const nothing = { lastTimestampMs: undefined, checkpoint: undefined, positions: new Map() }
  const account = { id, owner, cash, version: 1, sequence: 0, ...nothing }
  const entries = packInParts(partitionOf(id), 'LEDGER', [ledgerRow(openingEntry(cash, openedMs))])
  return [
    { item: accountItem(account), condition: 'attribute_not_exists(pk)' },
    ...entries.map((item) => plainPut(withUnit(item, unit))),
  ]
}

/** The account, then the orders, then the ledger entries. The put of the account fails if it is no longer `before`. */
export function batchPuts({ before, after, orders }: OrderBatch, unit: string): Put[] {
  if (orders.length === 0) return []
  const pk = partitionOf(before.id)
  const rows = packInParts(pk, 'ORDER', orders.map(orderRow)).map((item) => withUnit(item, unit))
  const entries = packInParts(pk, 'LEDGER', acceptedOf(orders).map(ledgerEntry).map(ledgerRow))
  return [accountPut(before, after), ...rows.map(plainPut), ...entries.map(plainPut)]
}

function accountPut(before: Account, after: Account): Put {
  const previous = accountItem(before)
  return {
    item: accountItem(after),
    condition: '#sequence = :sequence and #cash = :cash and #positions = :positions',
    names: { '#sequence': 'sequence', '#cash': 'cash', '#positions': 'positions' },
    values: {
      ':sequence': previous.sequence ?? { NULL: true },
      ':cash': previous.cash ?? { NULL: true },
      ':positions': previous.positions ?? { NULL: true },
    },
  }
}

/**
 * Whether `after` is `before` changed by the ledger entries of the batch. Throws when cash or shares would be negative: like the
 * constraints of a SQL database, this holds whatever the rules decided.
 */
export function isConsistent({ before, after, orders }: OrderBatch): boolean {
  const accepted = acceptedOf(orders)
  const cash = accepted.reduce((sum, { order }) => sum + movementOf(order).amount, before.cash)
  const shares = new Map([...before.positions].map(([issuer, position]) => [issuer, position.shares]))
  for (const { order } of accepted)
    shares.set(order.issuer, (shares.get(order.issuer) ?? 0n) + movementOf(order).shares)
  if (cash < 0n || [...shares.values()].some((count) => count < 0n))
    throw new Error('The cash or the shares of an account would be negative.')
  const positions = [...shares].filter(([, count]) => count > 0n)
  return (
    cash === after.cash &&
    positions.length === after.positions.size &&
    positions.every(([issuer, count]) => after.positions.get(issuer)?.shares === count)
  )
}

export function acceptedOf(orders: readonly DecidedOrder[]): DecidedOrder[] {
  return orders.filter(({ refusals }) => refusals.length === 0)
}

export function plainPut(item: Item): Put {
  return { item }
}

/** Marks an item with the unit that wrote it, which proves that the unit was committed: so not the account, which the next unit replaces. */
function withUnit(item: Item, unit: string): Item {
  return { ...item, unit: { S: unit } }
}

function ledgerRow({ issuer, shares, amount, cash, recordedMs, ...rest }: LedgerEntry): LedgerRow {
  return {
    ...rest,
    issuer_name: issuer ?? null,
    shares: String(shares),
    amount: String(amount),
    cash: String(cash),
    recorded_at: recordedMs,
  }
}
