import { existsSync } from 'node:fs'
import type { Kysely } from 'kysely'
import { AppError } from '../errors/index.ts'
import { migrateDown, migrateUp, migrationStatus, statusOfMissing } from './migrations.ts'
import type { MigrationWork } from './migrations.ts'
import type { Database, DatabaseOptions } from './port.ts'
import { pathFaults } from './sqlite/file-fault.ts'
import { halfRestoredFault, refuseHalfRestored } from './sqlite/restoring.ts'
import { tracedDatabase } from './traced-database.ts'

/** Opens the database that a URL names; the scheme chooses the adapter, whose client library is loaded only then. */
export async function openDatabase<Tables>(url: string, options: DatabaseOptions): Promise<Database<Tables>> {
  const engine = engineOf(url)
  const system = engine === 'postgres' ? 'postgresql' : engine
  return tracedDatabase(await openEngine<Tables>(engine, url, options), system)
}

async function openEngine<Tables>(
  engine: ReturnType<typeof engineOf>,
  url: string,
  options: DatabaseOptions,
): Promise<Database<Tables>> {
  if (engine === 'postgres')
    return (await import('./postgres/postgres-database.ts')).openPostgres<Tables>(url, options)
  if (engine === 'mysql') return (await import('./mysql/mysql-database.ts')).openMysql<Tables>(url, options)
  return (await import('./sqlite/sqlite-database.ts')).openSqlite<Tables>(pathOf(url), options)
}

/** Runs the work with a migrator of the database, while no other process can migrate it. */
async function withMigrator<R>(
  url: string,
  { migrations }: DatabaseOptions,
  work: MigrationWork<R>,
): Promise<R> {
  const engine = engineOf(url)
  if (engine === 'postgres')
    return (await import('./postgres/postgres-database.ts')).migratePostgres(url, migrations, work)
  if (engine === 'mysql') return (await import('./mysql/migrations.ts')).migrateMysql(url, migrations, work)
  return (await import('./sqlite/sqlite-database.ts')).migrateSqlite(pathOf(url), migrations, work)
}

export type MigrationAction = 'status' | 'up' | 'down'

/**
 * What `quintet migrate` does: returns the state of each migration, a line each; or applies the pending ones, or reverts the
 * newest, and returns their names. Only `up` creates a database. Reverting is refused while a process uses an embedded one.
 */
export async function migrateDatabase(
  url: string,
  options: DatabaseOptions,
  action: MigrationAction,
): Promise<string[]> {
  if (action !== 'up' && !(await databaseExists(url))) {
    if (action === 'status') return statusOfMissing(options.migrations)
    const file = databaseFile(url)
    throw nothingToRevert(file === undefined ? 'database' : `database file ${file}`)
  }
  const work = { status: migrationStatus, up: migrateUp, down: migrateDown }[action]
  const migrate = () => withMigrator(url, options, work)
  if (action !== 'down' || engineOf(url) !== 'sqlite') return migrate()
  return (await import('./sqlite/sqlite-database.ts')).withUnusedSqlite(pathOf(url), migrate)
}

/** The error where what a migration would be reverted in, such as a table, does not exist. */
export function nothingToRevert(place: string): AppError {
  return new AppError('conflict', `The ${place} does not exist, so there is nothing to revert.`)
}

/**
 * A sentence where an embedded database has migrations that are not in the folder, as one of a later version has. Nothing is created or
 * changed. Of an engine with a server there is none, since the next version's migrations are applied to it before that version runs.
 */
export async function unknownMigrationsOf(url: string, migrations: URL): Promise<string | undefined> {
  const file = databaseFile(url)
  if (file === undefined) return undefined
  return (await import('./sqlite/sqlite-database.ts')).sqliteUnknownMigrations(file, migrations)
}

/** Reads a database, whose tables may be outdated, without migrating or changing it; undefined if it does not exist. */
export async function readDatabase<Tables, R>(
  url: string,
  work: (query: Kysely<Tables>) => Promise<R>,
): Promise<R | undefined> {
  if (!(await databaseExists(url))) return undefined
  if (engineOf(url) === 'sqlite')
    return (await import('./sqlite/sqlite-database.ts')).readSqlite(pathOf(url), work)
  const database = await openDatabase<Tables>(url, { migrations: new URL('.', import.meta.url) })
  try {
    return await work(database.query)
  } finally {
    await database.close()
  }
}

/** Whether the database exists; its first migration creates it. Rejects if a restore of it was interrupted. */
export async function databaseExists(url: string): Promise<boolean> {
  const engine = engineOf(url)
  if (engine === 'postgres') return (await import('./postgres/postgres-database.ts')).postgresExists(url)
  if (engine === 'mysql') return (await import('./mysql/migrations.ts')).mysqlExists(url)
  refuseHalfRestored(pathOf(url))
  return existsSync(pathOf(url))
}

/** A sentence for each of these URLs whose database file cannot be created or opened, as far as its folder shows. */
export function databaseFileFaults(urls: readonly string[]): string[] {
  const paths = [...new Set(urls.map(databaseFile).filter((path) => path !== undefined))]
  return [...pathFaults(paths), ...paths.map(halfRestoredFault).filter((fault) => fault !== undefined)]
}

/** The file of an embedded database that outlives its process; undefined for any other. */
export function databaseFile(url: string): string | undefined {
  return url.startsWith('sqlite:') && url !== 'sqlite::memory:' ? pathOf(url) : undefined
}

const engines = {
  'sqlite:': 'sqlite',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
} as const

function engineOf(url: string): 'sqlite' | 'postgres' | 'mysql' {
  const scheme = url.slice(0, url.indexOf(':') + 1)
  if (Object.hasOwn(engines, scheme)) return engines[scheme as keyof typeof engines]
  throw new Error(`There is no database adapter for "${scheme}"; known: ${Object.keys(engines).join(', ')}`)
}

function pathOf(url: string): string {
  return url.slice('sqlite:'.length)
}

export {
  asBigint,
  asText,
  dialectOf,
  engineMilliseconds,
  engineSeconds,
  greatest,
  forUpdate,
  identityColumn,
  jsonObject,
  least,
  longText,
  skipLocked,
  numbersFromList,
  deleteSelected,
  setColumn,
} from './sql-dialect.ts'
export { commitBeforeColumn } from './port.ts'
export type * from './port.ts'
export { canonicalCaselessKey, compatibilityCaselessKey, foldCase } from './caseless.ts'
export { refuseHalfRestored } from './sqlite/restoring.ts'
export { followEngineClock } from './engine-clock.ts'
export type { EngineClock } from './engine-clock.ts'
export { makeMigration, migrationNames } from './migrations.ts'
export { prepareQuery } from './prepared-query.ts'
export type { Placeholders } from './prepared-query.ts'
export { exportOperationDurations } from './metrics.ts'
export type { OperationDurations } from './metrics.ts'
export { withDatabaseSpan } from './traced-database.ts'
export { randomKeys } from './random-keys.ts'
export { createServerConnection } from './server/connection.ts'
export type { ServerDriver } from './server/connection.ts'
export type { TextColumn } from './until-sum.ts'
export { bytesOf, prepareBoundedRead, prepareUntilSum } from './until-sum.ts'
export { referenceInText, valuePlaceholder, Reference, returnedBy } from './reference.ts'
