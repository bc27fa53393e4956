import { Kysely, sql } from 'kysely'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type { Migration } from 'kysely/migration'
import { createConnection } from 'mysql2/promise'
import type { Connection, ConnectionOptions } from 'mysql2/promise'
import { createMysqlDialect, refuseStream } from '../kysely-dialect.ts'
import { createMigrator } from '../migrations.ts'
import type { MigrationWork } from '../migrations.ts'
import { connectionOptions, missingDatabase, run, serverFault } from './connection.ts'

const connectTimeoutMs = 5_000

/**
 * Nobody else migrates meanwhile: Kysely's migrator holds a lock of the server. MySQL commits each change of a table at once, so
 * a migration that was interrupted has done a part. That it began is noted, and when it is run again, what it finds done is
 * passed over.
 */
export async function migrateMysql<R>(url: string, folder: URL, work: MigrationWork<R>): Promise<R> {
  const connection = await connect(url)
  const lenience: Lenience = { passedOver: none }
  const db = new Kysely<unknown>({ dialect: createMysqlDialect(connectionOver(connection, lenience)) })
  try {
    await prepareDatabase(connection)
    return await work(createMigrator(db, folder, (name, migration) => resumable(name, migration, lenience)))
  } finally {
    await db.destroy()
    await connection.end().catch(() => {})
  }
}

/** The errors of statements that count as success for now. */
type Lenience = { passedOver: ReadonlySet<number> }

const none: ReadonlySet<number> = new Set()
/** The table, the column or the index is there. */
const alreadyDone: ReadonlySet<number> = new Set([1050, 1060, 1061])
/** The table, the column or the index is not there. */
const alreadyUndone: ReadonlySet<number> = new Set([1051, 1091])

function resumable(name: string, { up, down }: Migration, lenience: Lenience): Migration {
  return {
    async up(db) {
      lenience.passedOver = (await noteBeginning(db, name)) ? alreadyDone : none
      await up(db).finally(() => {
        lenience.passedOver = none
      })
    },
    async down(db) {
      lenience.passedOver = alreadyUndone
      await down?.(db).finally(() => {
        lenience.passedOver = none
      })
      await sql`delete from migration_begun where name = ${name}`.execute(db)
    },
  }
}

/** True when it had been noted before. */
async function noteBeginning<Tables>(db: Kysely<Tables>, name: string): Promise<boolean> {
  await sql`create table if not exists migration_begun (name varchar(255) not null primary key)`.execute(db)
  const { rows } = await sql`select name from migration_begun where name = ${name}`.execute(db)
  if (rows.length === 0) await sql`insert into migration_begun values (${name})`.execute(db)
  return rows.length > 0
}

function connectionOver(connection: Connection, lenience: Lenience): DatabaseConnection {
  return {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      try {
        const { rows, changes } = await run(connection, sql, parameters, migrationTimeoutMs)
        return { rows: [...rows] as R[], numAffectedRows: BigInt(changes) }
      } catch (error) {
        if (!lenience.passedOver.has(serverFault(error)?.errno ?? 0)) throw error
        return { rows: [] }
      }
    },
    streamQuery: refuseStream,
  }
}

/** A table may be long, and so may the wait for another that migrates. */
const migrationTimeoutMs = 3_600_000

/** Whether the server has the database. */
export async function isMysqlThere(url: string): Promise<boolean> {
  const connection = await openPresent(optionsOf(url))
  await connection?.end()
  return connection !== undefined
}

async function connect(url: string): Promise<Connection> {
  const options = optionsOf(url)
  const present = await openPresent(options)
  if (present !== undefined) return present
  const { database = '', ...server } = options
  const connection = await open(server)
  await connection.query(`create database if not exists ${connection.escapeId(database)}`)
  await connection.changeUser({ database })
  return connection
}

function optionsOf(url: string): ConnectionOptions {
  return { ...connectionOptions(url), connectTimeout: connectTimeoutMs }
}

/** Undefined where the server does not have the database. */
async function openPresent(options: ConnectionOptions): Promise<Connection | undefined> {
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
 * Texts are the same only if they are so to the last bit, trailing spaces too, which no default has it. New tables take that
 * from their database.
 */
async function prepareDatabase(connection: Connection): Promise<void> {
  await run(connection, "set session default_storage_engine = 'InnoDB'", [])
  const { rows } = await run(
    connection,
    `select collation_name as exact, @@collation_database as present, database() as name
    from information_schema.collations
    where collation_name in ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') order by collation_name desc limit 1`,
    [],
  )
  const { exact, present, name } = rows[0] ?? {}
  if (exact === undefined)
    throw new Error('The server compares no text exactly: it must be MySQL 8.0.17, MariaDB 10.6 or newer.')
  if (exact === present) return
  await connection.query(
    `alter database ${connection.escapeId(String(name))} character set utf8mb4 collate ${String(exact)}`,
  )
}
