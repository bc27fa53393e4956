import { dependencyDown } from '../../errors/index.ts'
import type { Database, DatabaseOptions } from '../port.ts'
import { migrationTable } from '../migrations.ts'
import { openMysqlConnection, run } from './connection.ts'
import type { MysqlClient } from './connection.ts'
import { mysqlDialect } from './dialect.ts'
import { missingTable, serverError } from './error-class.ts'
import { createReads } from './reads.ts'
import { settle } from './settle.ts'
import { createUnits } from './units.ts'
import { exportCommits, exportOperationDurations } from '../metrics.ts'
import { createServerDatabase } from '../server/server-database.ts'

/** MySQL or MariaDB. */
export async function openMysql<Tables>(
  url: string,
  { migrations, metrics }: DatabaseOptions,
): Promise<Database<Tables>> {
  const connection = openMysqlConnection(url)
  return createServerDatabase<Tables>({
    dialect: mysqlDialect,
    migrations,
    applied: () => connection.use(appliedOn),
    reads: createReads(connection),
    units: createUnits(connection, metrics && exportCommits(metrics)),
    durations: metrics && exportOperationDurations(metrics, url.startsWith('mariadb:') ? 'mariadb' : 'mysql'),
    settle: () => settle(connection),
    close: connection.close,
  })
}

/** The names of the applied migrations. */
async function appliedOn(client: MysqlClient): Promise<string[]> {
  try {
    const { rows } = await run(client, `select name from ${migrationTable}`, [])
    return rows.map(({ name }) => String(name))
  } catch (error) {
    if (serverError(error)?.errno === missingTable) return []
    throw dependencyDown('The database does not respond.', error)
  }
}
