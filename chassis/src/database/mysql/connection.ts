import { Socket } from 'node:net'
import mysql from 'mysql2/promise'
import type {
  ConnectionOptions,
  ExecuteValues,
  PoolConnection,
  ResultSetHeader,
  RowDataPacket,
} from 'mysql2/promise'
import { withTimeout } from '../../clock/index.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { checkValue } from '../server/bound-values.ts'
import { resultOf } from '../compact-result.ts'
import type { Result } from '../port.ts'
import { createServerConnection } from '../server/connection.ts'
import { createDiscards } from '../server/discards.ts'
import type { ServerConnection } from '../server/connection.ts'
import { missingDatabase, serverError } from './error-class.ts'

const connectionsMax = 16
const waitingMax = 20_000
const connectTimeoutMs = 2_000
const statementTimeoutMs = 2_000
const lockTimeoutSeconds = 1
/** For a server that no longer enforces its own timeouts; the connection is discarded. */
const responseTimeoutMs = 4_000
const idleInTransactionTimeoutSeconds = 5
/** A connection that was idle for longer may have been closed by the server or by a network device. */
const idleTimeoutMs = 60_000
const lifetimeMs = 1_800_000
/** Longer than a connection is kept idle; it bounds how long a suspended process can hold locks in a transaction. */
const waitTimeoutSeconds = 90
/** All connections together must stay well below the server's `max_prepared_stmt_count`, 16,382 by default. */
const statementsPerConnectionMax = 200
/** For a list of numbers that one statement of a unit passes to the next; the server truncates longer ones. */
const listBytesMax = 16_777_216

export type MysqlClient = PoolConnection
export type MysqlConnection = ServerConnection<MysqlClient>

export function openMysqlConnection(url: string): MysqlConnection {
  const pool = mysql.createPool({
    ...connectionOptions(url),
    connectTimeout: connectTimeoutMs,
    connectionLimit: connectionsMax,
    maxPreparedStatements: statementsPerConnectionMax,
    // For the deadline check and the commit, which must arrive in one message. Every other statement is prepared.
    multipleStatements: true,
  })
  // A connection that breaks while it is idle is replaced when one is needed; in use, its statement fails.
  pool.pool.on('connection', (connection) => connection.on('error', () => {}))
  const times = new WeakMap<object, { readonly bornAt: number; usedAt: number }>()
  const discards = createDiscards()

  async function connect(): Promise<MysqlClient> {
    for (;;) {
      const client = await pool.getConnection()
      const known = times.get(client.connection)
      const now = performance.now()
      if (known === undefined) {
        discards.add(client.connection)
        await setUp(client)
        times.set(client.connection, { bornAt: now, usedAt: now })
        return client
      }
      const isFresh = now - known.usedAt < idleTimeoutMs && now - known.bornAt < lifetimeMs
      if (isFresh && !discards.has(client.connection)) return client
      client.destroy()
    }
  }

  return createServerConnection<MysqlClient>({
    connectionsMax,
    waitingMax,
    connect,
    release(client, broken) {
      const known = times.get(client.connection)
      if (known !== undefined) known.usedAt = performance.now()
      if (broken === undefined) client.release()
      else client.destroy()
    },
    discard: discards.discardAll,
    lateResponses: { findIdle: (clients) => findIdle(url, clients), destroy: loseConnection },
    end: () => pool.end(),
    isStatementError: (error) => serverError(error) !== undefined,
    unavailable,
  })
}

/** What is in flight fails as if the connection had been reset. */
function loseConnection(client: MysqlClient): void {
  const stream: unknown = Reflect.get(client.connection, 'stream')
  if (stream instanceof Socket) stream.destroy(new Error('The response of the server was lost.'))
}

/** A transaction is idle between two statements, so only what has been idle for a second counts. */
const idleText =
  "select id from information_schema.processlist where id in (?) and command = 'Sleep' and time >= 1"

async function findIdle(url: string, clients: readonly MysqlClient[]): Promise<readonly MysqlClient[]> {
  const options = { ...connectionOptions(url), connectTimeout: connectTimeoutMs }
  const observer = await mysql.createConnection(options).catch((error: unknown) => {
    // The server can be reached.
    if (error instanceof Error && 'sqlState' in error) return undefined
    throw error
  })
  if (observer === undefined) return []
  observer.on('error', () => {})
  try {
    const byId = new Map(clients.map((client) => [client.threadId, client]))
    const [rows] = await bounded(observer.query<RowDataPacket[]>(idleText, [[...byId.keys()]]))
    return rows.flatMap((row) => byId.get(Number(row.id)) ?? [])
  } finally {
    observer.destroy()
  }
}

/** The parts of the URL. Its only option is `tls=true`: the server's certificate must then be valid for the host of the URL. */
export function connectionOptions(url: string): ConnectionOptions {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ...(searchParams.get('tls') === 'true' && { ssl: { rejectUnauthorized: true, verifyIdentity: true } }),
    charset: 'utf8mb4',
    // Whole numbers that are not exact as a JavaScript number are returned as texts of digits.
    supportBigNumbers: true,
    // Without FOUND_ROWS, an upsert that leaves the row as it is counts 0. LOCAL_FILES would let a server read files of this machine.
    flags: ['-FOUND_ROWS', '-LOCAL_FILES'],
  }
}

async function setUp(client: MysqlClient): Promise<void> {
  try {
    const [[server]] = await bounded(client.query<RowDataPacket[]>('select version() as version'))
    await bounded(client.query(settingsText(isMariadb(server?.version))))
  } catch (error) {
    client.destroy()
    throw error
  }
}

const isMariadb = (version: unknown) => /mariadb/i.test(String(version))

/**
 * READ COMMITTED lets each statement see what was committed before it, as on the other engines, and takes no gap locks,
 * which would let inserts deadlock. In UTC no hour comes twice. Counts are parsed from the server's messages, so their language
 * is set.
 */
function settingsText(mariadb: boolean): string {
  const timeouts = mariadb
    ? `max_statement_time = ${statementTimeoutMs / 1_000}, idle_transaction_timeout = ${idleInTransactionTimeoutSeconds}`
    : `max_execution_time = ${statementTimeoutMs}`
  return `set session transaction isolation level read committed;
set session time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', autocommit = 1,
innodb_lock_wait_timeout = ${lockTimeoutSeconds}, lock_wait_timeout = ${lockTimeoutSeconds},
wait_timeout = ${waitTimeoutSeconds}, group_concat_max_len = ${listBytesMax}, lc_messages = 'en_US', ${timeouts}`
}

/** Runs a statement, which is prepared at its first use on a connection. */
export async function run(
  client: Pick<MysqlClient, 'execute'>,
  sql: string,
  parameters: readonly unknown[],
  timeoutMs = responseTimeoutMs,
): Promise<Result> {
  const values = parameters.map(toValue)
  const executing = client.execute<RowDataPacket[] | ResultSetHeader>(sql, values)
  const [response] = await withTimeout(timeoutMs, executing)
  return resultOf(Array.isArray(response) ? response : changesOf(sql, response))
}

/** Runs a statement without parameters and result, such as `begin`. */
export async function control(client: MysqlClient, sql: string): Promise<void> {
  await bounded(client.query(sql))
}

function bounded<T>(response: Promise<T>): Promise<T> {
  return withTimeout(responseTimeoutMs, response)
}

/** An update counts the rows that it matched, changed or not; an insert of one row counts 1, also if it updated a row instead. */
function changesOf(sql: string, { affectedRows, info }: ResultSetHeader): number {
  const matched = /^Rows matched: (\d+)/.exec(info)?.[1]
  if (matched !== undefined) return Number(matched)
  // The server counts an updated row twice; only for several rows does it send an info text.
  return /^\s*insert\b/i.test(sql) && info === '' ? Math.min(affectedRows, 1) : affectedRows
}

/** A whole number is sent as BIGINT: as a double it could lose digits, and `limit` refuses it. */
function toValue(value: unknown): ExecuteValues {
  checkValue(value)
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)))
    return mysql.TypedParameter.BIGINT(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return value
}

function unavailable(cause: unknown): AppError {
  const errno = cause instanceof Error && 'errno' in cause ? Number(cause.errno) : 0
  if (errno === missingDatabase)
    return dependencyDown('The database does not exist: run quintet migrate up.', cause)
  if (errno === forbiddenDatabase)
    return dependencyDown('The database does not exist, or refuses the user.', cause)
  if (accessDenied.has(errno)) return dependencyDown('The database refuses the user or the password.', cause)
  return dependencyDown('The database does not respond.', cause)
}

const forbiddenDatabase = 1044
const accessDenied = new Set([1045, 1698])
