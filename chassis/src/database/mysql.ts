import { Kysely, sql } from 'kysely'
import type { CompiledQuery } from 'kysely'
import type { Fence } from '../clock/index.ts'
import { AppError, dependencyDown } from '../errors/index.ts'
import type { Database, DatabaseOptions, Outcome, Statement } from './index.ts'
import { createDialect } from './kysely-dialect.ts'
import { createMigrationGate } from './migration-gate.ts'
import { migrationTable } from './migrations.ts'
import { missingTable, openMysqlLink, run, serverFault } from './mysql-link.ts'
import type { MysqlClient } from './mysql-link.ts'
import { createReads } from './mysql-reads.ts'
import { createUnits } from './mysql-units.ts'

/**
 * MySQL or MariaDB, which need not be there: what needs it is refused until it is. Tables are made by `quintet migrate up`, and
 * `ping` says when some are not.
 */
export async function openMysql<Tables>(
  url: string,
  { migrations }: DatabaseOptions,
): Promise<Database<Tables>> {
  const link = openMysqlLink(url)
  const reads = createReads(link)
  const units = createUnits(link)
  const gate = createMigrationGate(migrations, () => link.use(appliedOn))
  const query = new Kysely<Tables>({ dialect: createDialect('mysql', { read, commit }) })
  let closing: Promise<void> | undefined

  function read<R>(wanted: CompiledQuery<R>): Promise<readonly R[]> {
    return gate.pass(() => reads.read(wanted))
  }

  function commit(unit: readonly Statement[], fence?: Fence): Promise<Outcome> {
    return gate.pass(() => units.commit(unit, fence))
  }

  return {
    query,
    read,
    commit,
    isSole: () => false,
    async ping() {
      await sql`select 1`.execute(query).catch((error: unknown) => {
        throw error instanceof AppError ? error : dependencyDown('The database does not answer.', error)
      })
    },
    close() {
      closing ??= gate.settle().then(units.close).then(link.close)
      return closing
    },
  }
}

/** The migrations that the database lists as done. */
async function appliedOn(client: MysqlClient): Promise<string[]> {
  try {
    const { rows } = await run(client, `select name from ${migrationTable}`, [])
    return rows.map(({ name }) => String(name))
  } catch (error) {
    if (serverFault(error)?.errno === missingTable) return []
    throw dependencyDown('The database does not answer.', error)
  }
}
