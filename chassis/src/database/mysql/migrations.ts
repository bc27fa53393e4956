import { Kysely, sql } from 'kysely'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type { Migration } from 'kysely/migration'
import { createConnection } from 'mysql2/promise'
import type { Connection, ConnectionOptions } from 'mysql2/promise'
import { dialectOn, refuseStream } from '../kysely-dialect.ts'
import { mysqlDialect } from './dialect.ts'
import { createMigrator } from '../migrations.ts'
import type { MigrationWork } from '../migrations.ts'
import { connectionOptions, run } from './connection.ts'
import { missingDatabase, serverError } from './error-class.ts'

const connectTimeoutMs = 5_000

/**
 * Kysely's migrator holds a lock of the server, so that no other process migrates meanwhile. MySQL commits each DDL statement
 * implicitly, so an interrupted migration is partly applied. Its start is recorded; when it is run again, the errors of
 * statements that were applied before are ignored.
 */
export async function migrateMysql<R>(url: string, folder: URL, work: MigrationWork<R>): Promise<R> {
  const connection = await connect(url)
  const tolerance: Tolerance = { ignored: none }
  const db = new Kysely<unknown>({ dialect: dialectOn(mysqlDialect, connectionOver(connection, tolerance)) })
  try {
    await prepareDatabase(connection)
    return await work(
      await createMigrator(db, folder, {
        adapt: (name, migration) => resumable(name, migration, tolerance),
      }),
    )
  } finally {
    await db.destroy()
    await connection.end().catch(() => {})
  }
}

/** The errors of statements that currently count as success. */
type Tolerance = { ignored: ReadonlySet<number> }

const none: ReadonlySet<number> = new Set()
/** The table, the column or the index exists. */
const alreadyApplied: ReadonlySet<number> = new Set([1050, 1060, 1061])
/** The table, the column or the index does not exist. */
const alreadyReverted: ReadonlySet<number> = new Set([1051, 1091])

function resumable(name: string, { up, down }: Migration, tolerance: Tolerance): Migration {
  return {
    async up(db) {
      tolerance.ignored = (await recordStart(db, name)) ? alreadyApplied : none
      await up(db).finally(() => {
        tolerance.ignored = none
      })
    },
    async down(db) {
      tolerance.ignored = alreadyReverted
      await down?.(db).finally(() => {
        tolerance.ignored = none
      })
      await sql`delete from migration_begun where name = ${name}`.execute(db)
    },
  }
}

/** True if an earlier start had been recorded. */
async function recordStart<Tables>(db: Kysely<Tables>, name: string): Promise<boolean> {
  await sql`create table if not exists migration_begun (name varchar(255) not null primary key)`.execute(db)
  const { rows } = await sql`select name from migration_begun where name = ${name}`.execute(db)
  if (rows.length === 0) await sql`insert into migration_begun values (${name})`.execute(db)
  return rows.length > 0
}

function connectionOver(connection: Connection, tolerance: Tolerance): DatabaseConnection {
  return {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      try {
        const { rows, changes } = await run(connection, sql, parameters, migrationTimeoutMs)
        return { rows: [...rows] as R[], numAffectedRows: BigInt(changes) }
      } catch (error) {
        if (!tolerance.ignored.has(serverError(error)?.errno ?? 0)) throw error
        return { rows: [] }
      }
    },
    streamQuery: refuseStream,
  }
}

/** A table may be large, and another process may hold the lock for long. */
const migrationTimeoutMs = 3_600_000

/** Whether the server has the database. */
export async function mysqlExists(url: string): Promise<boolean> {
  const connection = await openExisting(optionsOf(url))
  await connection?.end()
  return connection !== undefined
}

async function connect(url: string): Promise<Connection> {
  const options = optionsOf(url)
  const existing = await openExisting(options)
  if (existing !== undefined) return existing
  const { database = '', ...server } = options
  const connection = await open(server)
  await connection.query(`create database if not exists ${connection.escapeId(database)}`)
  await connection.changeUser({ database })
  return connection
}

function optionsOf(url: string): ConnectionOptions {
  return { ...connectionOptions(url), connectTimeout: connectTimeoutMs }
}

/** Undefined if the server does not have the database. */
async function openExisting(options: ConnectionOptions): Promise<Connection | undefined> {
  try {
    return await open(options)
  } catch (error) {
    if (!(error instanceof Error) || !('errno' in error) || error.errno !== missingDatabase) throw error
    return undefined
  }
}

async function open(options: ConnectionOptions): Promise<Connection> {
  const connection = await createConnection(options)
  connection.on('error', () => {})
  return connection
}

/**
 * Texts must be equal only if they are identical, including trailing spaces, which is no server's default. New tables inherit
 * the collation of their database.
 */
async function prepareDatabase(connection: Connection): Promise<void> {
  await run(connection, "set session default_storage_engine = 'InnoDB'", [])
  const { rows } = await run(
    connection,
    `select collation_name as exact, @@collation_database as current, database() as name
    from information_schema.collations
    where collation_name in ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') order by collation_name desc limit 1`,
    [],
  )
  const { exact, current, name } = rows[0] ?? {}
  if (exact === undefined)
    throw new Error('The server has no exact collation: it must be MySQL 8.0.17, MariaDB 10.6 or newer.')
  if (exact === current) return
  await connection.query(
    `alter database ${connection.escapeId(String(name))} character set utf8mb4 collate ${String(exact)}`,
  )
}
