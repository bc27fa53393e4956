import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkEach } from '@quintet/chassis/promises'
import type { CheckedPromise } from '@quintet/chassis/promises'
import type { Account } from './order.ts'
import type { AccountStore, LedgerEntry } from './port.ts'

/** Of a history longer than `wholeMax` only the last `tailMax` are checked, so that one account takes a bounded time. */
const historyBounds = { wholeMax: 2_000, tailMax: 1_000 }
const rowsPerPage = 250

/** What the ledgers of accounts promise, as far as the running service can check it. */
export function ledgerPromise(accounts: AccountStore, bounds = historyBounds): CheckedPromise {
  return {
    id: 'ledger',
    title: 'The cash and the shares of an account are the sums of its ledger, and never negative.',
    guarantee: 'orders-of-an-account-are-serial',
    check: checkEach({
      noun: 'account',
      kept: 'cash and shares are the sums of the ledger, nothing is below zero, and no order is missing',
      pick: accounts.sample,
      faultOf: (id) => faultOf(accounts, id, bounds),
    }),
  }
}

/**
 * Orders and ledger entries up to the sequence of an account never change, so that they are of one state with it although they are read
 * after it, while other orders are placed.
 */
async function faultOf(
  accounts: AccountStore,
  id: number,
  { wholeMax, tailMax }: typeof historyBounds,
): Promise<string | undefined> {
  const account = await accounts.find(id)
  if (account === undefined) return undefined
  const { sequence } = account
  const from = sequence > wholeMax ? sequence - tailMax : 0
  const window = { first: from === 0 ? 0 : from + 1, last: sequence }
  const entries = await readAll(window, (page) => accounts.listLedger(id, page))
  const orders = await readAll({ ...window, first: from + 1 }, (page) => accounts.listOrders(id, page))
  const missing = orders.findIndex((order, i) => order.sequence !== from + 1 + i)
  if (missing >= 0 || orders.length !== sequence - from)
    return `its order ${from + 1 + (missing < 0 ? orders.length : missing)} is missing`
  const accepted = orders.filter(({ refusals }) => refusals.length === 0).map((order) => order.sequence)
  const booked = entries.filter(({ kind }) => kind !== 'OPENING').map((entry) => entry.sequence)
  if (accepted.join() !== booked.join()) return 'its accepted orders are not those of its ledger'
  const isWhole = from === 0
  return (
    cashFault(account, entries, isWhole) ??
    (isWhole ? sharesFault(account, entries) : undefined) ??
    tailFault()
  )

  /** An entry is committed with the sequence of its account, which is read after it. */
  async function tailFault(): Promise<string | undefined> {
    const [later] = await accounts.listLedger(id, { after: sequence, limit: 1 })
    if (later === undefined) return undefined
    const now = await accounts.find(id)
    return now !== undefined && later.sequence > now.sequence
      ? `its ledger has an entry ${later.sequence} that no order of it has made`
      : undefined
  }
}

/** The rows from `first` to `last`, page by page, with other work in between. */
async function readAll<Row extends { readonly sequence: number }>(
  { first, last }: { first: number; last: number },
  read: (page: { after: number; limit: number }) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = []
  for (let after = first - 1; after < last; ) {
    const page = await read({ after, limit: rowsPerPage })
    rows.push(...page.filter(({ sequence }) => sequence <= last))
    after = page.at(-1)?.sequence ?? last
    await nextTurn()
  }
  return rows
}

function cashFault({ cash }: Account, entries: readonly LedgerEntry[], isWhole: boolean): string | undefined {
  if (cash < 0n) return 'its cash is below zero'
  if (isWhole && entries[0]?.kind !== 'OPENING') return 'its ledger has no opening entry'
  let sum: bigint | undefined
  for (const entry of entries) {
    const { sequence, kind } = entry
    sum = kind === 'OPENING' ? entry.amount : sum === undefined ? entry.cash : sum + entry.amount
    if (entry.cash < 0n) return `its cash was below zero after entry ${sequence}`
    if (entry.cash !== sum) return `the cash after entry ${sequence} is not the sum of its ledger`
  }
  // A window of nothing but refused orders has no entry to compare the cash with.
  return sum === undefined || sum === cash ? undefined : 'its cash is not the sum of its ledger'
}

function sharesFault({ positions }: Account, entries: readonly LedgerEntry[]): string | undefined {
  const sums = new Map<string, bigint>()
  for (const { issuer, shares, sequence } of entries) {
    if (issuer === undefined) continue
    const sum = (sums.get(issuer) ?? 0n) + shares
    if (sum < 0n) return `its shares were below zero after entry ${sequence}`
    sums.set(issuer, sum)
  }
  for (const [issuer, { shares }] of positions)
    if (shares <= 0n || sums.get(issuer) !== shares) return 'its shares are not the sums of its ledger'
  const held = [...sums.values()].filter((sum) => sum > 0n)
  return held.length === positions.size ? undefined : 'its shares are not the sums of its ledger'
}
