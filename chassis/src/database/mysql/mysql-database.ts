import { dependencyDown } from '../../errors/index.ts'
import type { Database, DatabaseOptions } from '../port.ts'
import { migrationTable } from '../migrations.ts'
import { missingTable, openMysqlConnection, run, serverFault } from './connection.ts'
import type { MysqlClient } from './connection.ts'
import { createReads } from './reads.ts'
import { createUnits } from './units.ts'
import { createServerDatabase } from '../server/server-database.ts'

/** MySQL or MariaDB. */
export async function openMysql<Tables>(
  url: string,
  { migrations }: DatabaseOptions,
): Promise<Database<Tables>> {
  const link = openMysqlConnection(url)
  return createServerDatabase<Tables>({
    engine: 'mysql',
    migrations,
    applied: () => link.use(appliedOn),
    reads: createReads(link),
    units: createUnits(link),
    close: link.close,
  })
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
