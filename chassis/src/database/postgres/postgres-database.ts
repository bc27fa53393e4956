import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { dependencyDown } from '../../errors/index.ts'
import type { Database, DatabaseOptions } from '../port.ts'
import { createMigrator, migrationTable } from '../migrations.ts'
import type { MigrationWork } from '../migrations.ts'
import { runQuery, openPostgresConnection } from './connection.ts'
import type { PostgresClient } from './connection.ts'
import { postgresDialect } from './dialect.ts'
import { createReads } from './reads.ts'
import { settle } from './settle.ts'
import { createUnits } from './units.ts'
import { exportCommits, exportOperationDurations } from '../metrics.ts'
import { createServerDatabase } from '../server/server-database.ts'

const connectTimeoutMs = 5_000
const missingDatabase = '3D000'
const missingTable = '42P01'
const databaseExists = new Set(['42P04', '23505'])
const maintenanceDatabase = 'postgres'

/** PostgreSQL. */
export async function openPostgres<Tables>(
  url: string,
  { migrations, metrics }: DatabaseOptions,
): Promise<Database<Tables>> {
  const connection = openPostgresConnection(url)
  return createServerDatabase<Tables>({
    dialect: postgresDialect,
    migrations,
    applied: () => connection.use(appliedOn),
    reads: createReads(connection),
    units: createUnits(connection, metrics && exportCommits(metrics)),
    durations: metrics && exportOperationDurations(metrics, 'postgresql'),
    settle: () => settle(connection),
    close: connection.close,
  })
}

/** The names of the applied migrations. */
function appliedOn(client: PostgresClient): Promise<string[]> {
  return runQuery<{ name: string }>(client, { text: `select name from ${migrationTable}` }).then(
    ({ rows }) => rows.map(({ name }) => name),
    (error: unknown): string[] => {
      if (error instanceof pg.DatabaseError && error.code === missingTable) return []
      throw dependencyDown('The database does not respond.', error)
    },
  )
}

/** Kysely's migrator holds an advisory lock in the transaction of all changes, so that no other process migrates meanwhile. */
export async function migratePostgres<R>(url: string, folder: URL, work: MigrationWork<R>): Promise<R> {
  if (!(await postgresExists(url))) await createDatabase(url)
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: connectTimeoutMs })
  pool.on('error', () => {})
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    return await work(await createMigrator(db, folder))
  } finally {
    await db.destroy()
  }
}

/** Whether the server has the database. */
export async function postgresExists(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs })
  try {
    await client.connect()
    return true
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== missingDatabase) throw error
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

async function createDatabase(url: string): Promise<void> {
  const maintenance = new URL(url)
  const name = decodeURIComponent(maintenance.pathname.slice(1))
  maintenance.pathname = `/${maintenanceDatabase}`
  const client = new pg.Client({
    connectionString: maintenance.href,
    connectionTimeoutMillis: connectTimeoutMs,
  })
  await client.connect()
  try {
    await client.query(`create database ${client.escapeIdentifier(name)} template template0 encoding 'UTF8'`)
  } catch (error) {
    // Another process that migrates may have created it, or be creating it.
    if (!(error instanceof pg.DatabaseError) || !databaseExists.has(error.code ?? '')) throw error
  } finally {
    await client.end().catch(() => {})
  }
}
