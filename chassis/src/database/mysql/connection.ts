import mysql from 'mysql2/promise'
import type {
  ConnectionOptions,
  ExecuteValues,
  PoolConnection,
  ResultSetHeader,
  RowDataPacket,
} from 'mysql2/promise'
import { withTimeout } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { checkValue } from '../server/bound-values.ts'
import type { ErrorClass } from '../server/error-class.ts'
import type { Result, Row } from '../port.ts'
import { createServerConnection } from '../server/connection.ts'
import type { ServerConnection } from '../server/connection.ts'

const connectionsMax = 16
const waitingMax = 20_000
const connectTimeoutMs = 2_000
const statementTimeoutMs = 2_000
const lockTimeoutSeconds = 1
/** For a server that does not even time out any more; its connection is given up then. */
const answerTimeoutMs = 4_000
const idleInTransactionTimeoutSeconds = 5
/** What lay idle for longer may have been closed by the server, or by something on the way to it. */
const idleTimeoutMs = 60_000
const lifetimeMs = 1_800_000
/** Longer than a connection is trusted for; a process that was suspended within a transaction holds its rows no longer. */
const waitTimeoutSeconds = 90
/** All connections together must stay well below the server's `max_prepared_stmt_count`, which is 16,382. */
const statementsPerConnectionMax = 200
/** For a list of numbers that one statement of a unit gives to the next; longer ones would be cut off. */
const listBytesMax = 16_777_216

export type MysqlClient = PoolConnection
export type MysqlConnection = ServerConnection<MysqlClient>

export function openMysqlConnection(url: string): MysqlConnection {
  const pool = mysql.createPool({
    ...connectionOptions(url),
    connectTimeout: connectTimeoutMs,
    connectionLimit: connectionsMax,
    maxPreparedStatements: statementsPerConnectionMax,
    // A deadline and the commit that it guards arrive in one message, or not at all. All else is prepared, one by one.
    multipleStatements: true,
  })
  // A connection that breaks while nobody uses it is replaced when one is needed; its user learns of it through the statement.
  pool.pool.on('connection', (connection) => connection.on('error', () => {}))
  const times = new WeakMap<object, { readonly bornAt: number; usedAt: number }>()

  async function connect(): Promise<MysqlClient> {
    for (;;) {
      const client = await pool.getConnection()
      const known = times.get(client.connection)
      const now = performance.now()
      if (known === undefined) {
        await setUp(client)
        times.set(client.connection, { bornAt: now, usedAt: now })
        return client
      }
      if (now - known.usedAt < idleTimeoutMs && now - known.bornAt < lifetimeMs) return client
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
    end: () => pool.end(),
    isStatementError: (error) => serverFault(error) !== undefined,
    unavailable,
  })
}

/** The parts of the URL. Of its options there is one, `tls=true`: the server must then prove that it is the host of the URL. */
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
    // Whole numbers that the language cannot hold come as texts of digits.
    supportBigNumbers: true,
    // Without FOUND_ROWS, an insert that met a row and left it as it is counts as none. LOCAL_FILES would let a server read ours.
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

export const isMariadb = (version: unknown) => /mariadb/i.test(String(version))

/**
 * READ COMMITTED has each statement see what was committed before it, as it is elsewhere, and has no locks on gaps, which
 * would let inserts deadlock. Counts are read from the server's words, so those are in one language.
 */
function settingsText(mariadb: boolean): string {
  const timeouts = mariadb
    ? `max_statement_time = ${statementTimeoutMs / 1_000}, idle_transaction_timeout = ${idleInTransactionTimeoutSeconds}`
    : `max_execution_time = ${statementTimeoutMs}`
  return `set session transaction isolation level read committed;
set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', autocommit = 1,
innodb_lock_wait_timeout = ${lockTimeoutSeconds}, lock_wait_timeout = ${lockTimeoutSeconds},
wait_timeout = ${waitTimeoutSeconds}, group_concat_max_len = ${listBytesMax}, lc_messages = 'en_US', ${timeouts}`
}

/** Runs a statement, prepared on its connection when it first comes. */
export async function run(
  client: Pick<MysqlClient, 'execute'>,
  sql: string,
  parameters: readonly unknown[],
  timeoutMs = answerTimeoutMs,
): Promise<Result> {
  const values = parameters.map(toValue)
  const [told] = await withTimeout(timeoutMs, client.execute<RowDataPacket[] | ResultSetHeader>(sql, values))
  if (Array.isArray(told)) return { rows: told, changes: told.length }
  return { rows: noRows, changes: changesOf(sql, told) }
}

/** Runs what has no parameters and gives nothing. */
export async function control(client: MysqlClient, sql: string): Promise<void> {
  await bounded(client.query(sql))
}

const noRows: readonly Row[] = []

function bounded<T>(answer: Promise<T>): Promise<T> {
  return withTimeout(answerTimeoutMs, answer)
}

/** An update counts the rows that it matched, changed or not; an insert of one row counts it, or the one that it changed instead. */
function changesOf(sql: string, { affectedRows, info }: ResultSetHeader): number {
  const matched = /^Rows matched: (\d+)/.exec(info)?.[1]
  if (matched !== undefined) return Number(matched)
  // What changes instead of being inserted is counted twice, and only of several rows the server tells more.
  return /^\s*insert\b/i.test(sql) && info === '' ? Math.min(affectedRows, 1) : affectedRows
}

/** Whole numbers travel as such: as a double, one could lose its last digits, and is refused in a limit. */
function toValue(value: unknown): ExecuteValues {
  checkValue(value)
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)))
    return mysql.TypedParameter.BIGINT(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return value
}

/** What the server told of a statement, after which its connection goes on. */
export function serverFault(error: unknown): { errno: number; state: string } | undefined {
  if (!(error instanceof Error) || !('errno' in error) || !('sqlState' in error)) return undefined
  if ('fatal' in error && error.fatal === true) return undefined
  const [errno, state] = [Number(error.errno), String(error.sqlState)]
  return state.startsWith('08') || lastWords.has(errno) ? undefined : { errno, state }
}

/** The server closes the connection after these: it was killed, or had been idle for too long. */
const lastWords = new Set([1927, 4031])

function unavailable(cause: unknown): AppError {
  const errno = cause instanceof Error && 'errno' in cause ? Number(cause.errno) : 0
  if (errno === missingDatabase)
    return dependencyDown('The database does not exist: run quintet migrate up.', cause)
  if (errno === forbiddenDatabase)
    return dependencyDown('The database does not exist, or refuses the user.', cause)
  if (refusals.has(errno)) return dependencyDown('The database refuses the user or the password.', cause)
  return dependencyDown('The database does not answer.', cause)
}

export const missingDatabase = 1049
export const missingTable = 1146
const forbiddenDatabase = 1044
const refusals = new Set([1045, 1698])

/** It took too long and was undone. */
export function isTimeout(error: unknown): boolean {
  return timeouts.has(serverFault(error)?.errno ?? 0)
}

const timeouts = new Set([1317, 1969, 3024])

/**
 * By what the server told, or `unknown` where its answer was lost. Whatever else it tells, be it that it may not be written
 * or lacks a resource, nothing was done.
 */
export function classifyError(error: unknown): ErrorClass {
  if (error instanceof TypeError || error instanceof AppError) return 'invalid'
  const fault = serverFault(error)
  if (fault === undefined) return 'ambiguous'
  if (passing.has(fault.errno)) return 'retryable'
  if (privileges.has(fault.errno)) return 'not_applied'
  return /^(0A|2[1-7]|42|44)/.test(fault.state) || ownFaults.has(fault.errno) ? 'invalid' : 'not_applied'
}

/** A deadlock; a lock that was waited for in vain; a row that changed, or a table, under the statement. */
const passing = new Set([1213, 1205, 1020, 1615])
/** What its user is not allowed, or has used up, is no fault of a statement. */
const privileges = new Set([1044, 1142, 1143, 1203, 1226])
/** Those without a state of their own: parameters and values that do not fit, and a check that a row does not pass. */
const ownFaults = new Set([1210, 1292, 1364, 1366, 1390, 3140, 3141, 3819])
