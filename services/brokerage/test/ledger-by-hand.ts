import type { TestContext } from 'node:test'
import type { App } from '@quintet/chassis/http'
import { openByHand } from '@quintet/chassis/testing/by-hand'
import { openDynamodbConnection } from '../src/dynamodb/connection.ts'
import type { Item } from '../src/dynamodb/connection.ts'
import { accountKey, packed, partitionOf, sortKey, textOf } from '../src/dynamodb/items.ts'
import type { LedgerRow } from '../src/stored-rows.ts'

/** Changes the rows of an account behind the back of the service, on the engine of the URL. */
export async function createLedgerByHand(
  t: TestContext,
  world: { url: string; app: App },
): Promise<(change: string, account?: number) => Promise<void>> {
  return world.url.startsWith('dynamodb:') ? onDynamodb(t, world.url) : onSql(t, world)
}

async function onSql(t: TestContext, world: { url: string; app: App }) {
  const run = await openByHand(t, world)
  return async (change: string, account = 1) => {
    const id = account
    const statements: Record<string, string> = {
      cash: `update account set cash = cash + 1 where id = ${id}`,
      cashBelowZero: `update account set cash = -1 where id = ${id}`,
      shares: `update position set shares = shares + 1 where account_id = ${id} and issuer_name = 'NFTX'`,
      missingPosition: `delete from position where account_id = ${id} and issuer_name = 'NFTX'`,
      entry: `update ledger set cash = cash + 1 where account_id = ${id} and sequence = 2`,
      missingEntry: `delete from ledger where account_id = ${id} and sequence = 2`,
      missingOpening: `delete from ledger where account_id = ${id} and sequence = 0`,
      missingOrder: `delete from "order" where account_id = ${id} and sequence = 2`,
      extraEntry: `insert into ledger (account_id, sequence, kind, issuer_name, shares, amount, cash, recorded_at)
        values (${id}, 9, 'BUY', 'NFTX', 1, 0, 1, 0)`,
    }
    const statement = statements[change]
    if (statement === undefined) throw new Error(`There is no change ${change}.`)
    await run(statement)
  }
}

/** Rows are packed in items of DynamoDB, of which each order here has one of its own. */
async function onDynamodb(t: TestContext, url: string) {
  const connection = openDynamodbConnection(url)
  t.after(() => connection.close())

  async function changeAccount(id: number, change: (item: Item) => void): Promise<void> {
    const item = (await connection.get(accountKey(id))) ?? {}
    change(item)
    await connection.putAll([item])
  }

  /** Without rows the item is as if it were not there. */
  async function changeRows(
    id: number,
    kind: string,
    sequence: number,
    rowsOf: (rows: LedgerRow[]) => unknown[],
  ) {
    const key = sortKey(kind, sequence)
    for await (const item of connection.query(partitionOf(id), key, key))
      await connection.putAll([
        { ...item, rows: packed(JSON.stringify(rowsOf(JSON.parse(textOf(item.rows))))) },
      ])
  }

  const number = (value: number) => ({ N: String(value) })
  const none = () => []
  return async (change: string, id = 1): Promise<void> => {
    const changes: Record<string, () => Promise<void>> = {
      cash: () => changeAccount(id, (item) => (item.cash = number(Number(item.cash?.N) + 1))),
      cashBelowZero: () => changeAccount(id, (item) => (item.cash = number(-1))),
      shares: () =>
        changeAccount(id, ({ positions }) => {
          const one = positions?.M?.NFTX?.M
          if (one !== undefined) one.shares = number(Number(one.shares?.N) + 1)
        }),
      missingPosition: () => changeAccount(id, ({ positions }) => delete positions?.M?.NFTX),
      entry: () =>
        changeRows(id, 'LEDGER', 2, (rows) =>
          rows.map((row) => ({ ...row, cash: String(BigInt(row.cash) + 1n) })),
        ),
      missingEntry: () => changeRows(id, 'LEDGER', 2, none),
      missingOpening: () => changeRows(id, 'LEDGER', 0, none),
      missingOrder: () => changeRows(id, 'ORDER', 2, none),
      async extraEntry() {
        const row = {
          sequence: 9,
          kind: 'BUY',
          issuer_name: 'NFTX',
          shares: '1',
          amount: '0',
          cash: '1',
          recorded_at: 0,
        }
        const rows = packed(JSON.stringify([row]))
        await connection.putAll([{ pk: { S: partitionOf(id) }, sk: { S: sortKey('LEDGER', 9) }, rows }])
      },
    }
    await changes[change]?.()
  }
}
