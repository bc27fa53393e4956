import { existsSync } from 'node:fs'
import type { CompiledQuery, Kysely } from 'kysely'
import type { Fence } from '../clock/index.ts'
import { migrateDown, migrateUp, migrationStatus, statusOfMissing } from './migrations.ts'
import type { MigrationWork } from './migrations.ts'

/**
 * A statement of a unit. A `required` one that touches no row refuses the whole unit, which then changes nothing; where it
 * makes an error, `commit` rejects with that. A parameter may be a `Reference` to what an earlier statement returns.
 */
export type Statement = Pick<CompiledQuery, 'sql' | 'parameters'> & {
  readonly required?: boolean | (() => Error)
  /**
   * For a statement that is never skipped: what does the same for many units at once, with an array in the place of each
   * parameter. An engine that runs units together may run it instead, once for all of them.
   */
  readonly together?: string
}

export type Row = Record<string, unknown>

/** What one statement did: the rows of its RETURNING clause, and how many rows it touched. */
export type Result = { readonly rows: readonly Row[]; readonly changes: number }

/** `refusedBy` is the index of the required statement that touched no row; without it, the unit is durable. */
export type Outcome = { readonly refusedBy?: number; readonly results: readonly Result[] }

/**
 * The database port. Reads are linearizable with writes; a write that resolved survives the death of every process.
 * Both are grouped: what arrives together travels together, each caller keeping its own outcome.
 */
export type Database<Tables> = {
  /** For building queries and running those that are not hot. Interactive transactions are refused: see `commit`. */
  readonly query: Kysely<Tables>
  /** Runs a compiled select. An embedded engine answers at once, which lets a caller read without losing its turn. */
  read<R>(query: CompiledQuery<R>): readonly R[] | Promise<readonly R[]>
  /**
   * Runs the statements as one atomic unit, in order, and resolves when it is durable. Rejects with `dependency_down`
   * when the engine is away, with `overloaded` when too many units wait or when it would come too late for its `fence`, and
   * changes nothing in any of these cases; with `outcome_unknown` when the connection was lost before the engine answered.
   */
  commit(unit: readonly Statement[], fence?: Fence): Promise<Outcome>
  /** Whether no other process can be writing, so that what this process remembers of the data is true. */
  isSole(): boolean
  /** Rejects when the engine does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type DatabaseOptions = {
  /**
   * The folder of `NNNN-verb-noun.ts` files. An embedded database is brought up to date when it is opened; of a server `ping`
   * says what is missing.
   */
  readonly migrations: URL
}

/** Opens the database that a URL names; the scheme chooses the adapter, whose client library is loaded only then. */
export async function openDatabase<Tables>(url: string, options: DatabaseOptions): Promise<Database<Tables>> {
  const engine = engineOf(url)
  if (engine === 'postgres') return (await import('./postgres.ts')).openPostgres<Tables>(url, options)
  if (engine === 'mysql') return (await import('./mysql.ts')).openMysql<Tables>(url, options)
  return (await import('./sqlite.ts')).openSqlite<Tables>(pathOf(url), options)
}

/** Does something with the migrations of a database, with nobody else migrating it meanwhile. */
export async function withMigrator<R>(
  url: string,
  { migrations }: DatabaseOptions,
  work: MigrationWork<R>,
): Promise<R> {
  const engine = engineOf(url)
  if (engine === 'postgres') return (await import('./postgres.ts')).migratePostgres(url, migrations, work)
  if (engine === 'mysql') return (await import('./mysql-migrations.ts')).migrateMysql(url, migrations, work)
  return (await import('./sqlite.ts')).migrateSqlite(pathOf(url), migrations, work)
}

/** What `quintet migrate` does with a database: tells how it stands, a line for each migration, or gives the names of what it did. */
export type MigrationAction = 'status' | 'up' | 'down'

/** Tells what has been applied, applies what has not been, or takes the newest back. Only `up` makes a database. */
export async function migrateDatabase(
  url: string,
  options: DatabaseOptions,
  action: MigrationAction,
): Promise<string[]> {
  if (action !== 'up' && !(await isThere(url)))
    return action === 'status' ? statusOfMissing(options.migrations) : []
  const work = { status: migrationStatus, up: migrateUp, down: migrateDown }[action]
  return withMigrator(url, options, work)
}

async function isThere(url: string): Promise<boolean> {
  const engine = engineOf(url)
  if (engine === 'postgres') return (await import('./postgres.ts')).isPostgresThere(url)
  if (engine === 'mysql') return (await import('./mysql-migrations.ts')).isMysqlThere(url)
  return existsSync(pathOf(url))
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
  asText,
  dialectOf,
  greater,
  held,
  identity,
  jsonObject,
  longText,
  lowered,
  notTaken,
  numbersIn,
  removeFound,
} from './dialect.ts'
export { createGate } from './gate.ts'
export { makeMigration, migrateDown, migrateUp } from './migrations.ts'
export { prepareQuery } from './prepared-query.ts'
export type { Placeholders } from './prepared-query.ts'
export { inText, pending, Reference, returnedBy } from './reference.ts'
export { startSweeper } from './sweeper.ts'
export type { Sweep } from './sweeper.ts'
