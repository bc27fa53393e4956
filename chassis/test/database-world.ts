import { dialectOf, migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { Database, Statement } from '@quintet/chassis/database'
import type { TestContext } from 'node:test'
import type { CompiledQuery } from 'kysely'

export type Tables = { account: { id: string; balance: number } }

/** The URL of an empty database for one test. */
export type CreateDatabaseUrl = (t: TestContext) => string

/** The table `account`, whose balance is never negative, and the outbox. */
export const migrations = new URL('./migrations/', import.meta.url)

export async function open(t: TestContext, url: string): Promise<Database<Tables>> {
  // An embedded database is migrated when it is opened.
  if (!url.startsWith('sqlite:')) await migrateDatabase(url, { migrations }, 'up')
  const database = await openDatabase<Tables>(url, { migrations })
  t.after(() => database.close())
  return database
}

export function add(query: Database<Tables>['query'], id: string, balance = 1) {
  return query.insertInto('account').values({ id, balance })
}

export async function count(query: Database<Tables>['query']): Promise<number> {
  const { total } = await query
    .selectFrom('account')
    .select((row) => row.fn.countAll().as('total'))
    .executeTakeFirstOrThrow()
  return Number(total)
}

export function removal(query: Database<Tables>['query'], id: string): CompiledQuery {
  return query.deleteFrom('account').where('id', '=', id).compile()
}

/** The statement, which must affect rows. */
export function demanding(statement: CompiledQuery): Statement {
  return { sql: statement.sql, parameters: statement.parameters, mustAffectRows: true }
}

/** The statements of a change, and the one of them that returns the changed row: itself, or a select where there is no RETURNING. */
export function returning(
  query: Database<Tables>['query'],
  change: CompiledQuery,
  id: string,
): { statements: Statement[]; returned: Statement } {
  const returned =
    dialectOf(query) === 'mysql'
      ? query.selectFrom('account').select(['id', 'balance']).where('id', '=', id).compile()
      : { sql: `${change.sql} returning "id", "balance"`, parameters: change.parameters }
  return { statements: dialectOf(query) === 'mysql' ? [change, returned] : [returned], returned }
}
