import pg from 'pg'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import type { ErrorClass } from '../server/error-class.ts'
import { createServerConnection } from '../server/connection.ts'
import type { ServerConnection } from '../server/connection.ts'

const connectionsMax = 16
const waitingMax = 1_000
const connectTimeoutMs = 2_000
const statementTimeoutMs = 2_000
const lockTimeoutMs = 1_000
/** For a server that does not even time out any more; its connection is given up then. */
const answerTimeoutMs = 4_000
const idleInTransactionTimeoutMs = 5_000
const idleTimeoutMs = 60_000
/** What was prepared on a connection ends with it, and so does its idea of where the server is. */
const lifetimeSeconds = 1_800

/** What can be remembered of a connection for as long as it lives. */
export type PostgresClient = pg.PoolClient

export type PostgresConnection = ServerConnection<PostgresClient>

export function openPostgresConnection(url: string): PostgresConnection {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: lifetimeSeconds,
    keepAlive: true,
    application_name: 'quintet',
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    // What is acknowledged must be on the disk, whatever the server's default is.
    options: '-c synchronous_commit=on',
    types: { getTypeParser },
  })
  // A connection that breaks while nobody uses it is replaced when one is needed.
  pool.on('error', () => {})
  // One that breaks in the middle of its use tells its user too, through the statement that fails.
  pool.on('connect', (client) => client.on('error', () => {}))
  return createServerConnection<PostgresClient>({
    connectionsMax,
    waitingMax,
    connect: () => pool.connect(),
    release: (client, broken) => client.release(broken),
    end: () => pool.end(),
    isStatementError: isStatementError,
    unavailable,
  })
}

/**
 * Asks, and gives the connection up when no answer comes. A promise of pg's own, and its timeout, keep each query with its
 * parameters and rows beyond two collections of the young: moving them among the old took a third of the collector's time.
 */
export function runQuery<R extends unknown[]>(
  client: PostgresClient,
  query: pg.QueryArrayConfig,
): Promise<pg.QueryArrayResult<R>>
export function runQuery<R extends pg.QueryResultRow>(
  client: PostgresClient,
  query: pg.QueryConfig,
): Promise<pg.QueryResult<R>>
export function runQuery(
  client: PostgresClient,
  query: pg.QueryConfig | pg.QueryArrayConfig,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new Error('The server does not answer.'))
    const timer = setTimeout(giveUp, answerTimeoutMs)
    client.query(query, (error: Error | null, result: unknown) => {
      clearTimeout(timer)
      if (error) reject(error)
      else resolve(result)
    })
  })
}

function isStatementError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity !== 'FATAL' && error.severity !== 'PANIC'
}

function unavailable(cause: unknown): AppError {
  const code = cause instanceof pg.DatabaseError ? cause.code : undefined
  if (code === '3D000') return dependencyDown('The database does not exist: run quintet migrate up.', cause)
  if (code === '28P01' || code === '28000')
    return dependencyDown('The database refuses the user or the password.', cause)
  return dependencyDown('The database does not answer.', cause)
}

const int8 = 20

/** Whole numbers as the language's, where it can hold them; Kysely's types say number, and SQLite gives it. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === int8 && format !== 'binary') return parseInteger
  return pg.types.getTypeParser(oid, 'text')
}

function parseInteger(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** The types of a statement's parameters, of which the server knows best. */
export async function parameterTypes(client: PostgresClient, text: string): Promise<readonly string[]> {
  await runQuery(client, { text: `prepare q_types as ${text}` })
  const { rows } = await runQuery<{ types: string[] }>(client, {
    text: "select parameter_types::text[] as types from pg_prepared_statements where name = 'q_types'",
  })
  await runQuery(client, { text: 'deallocate q_types' })
  return rows[0]?.types ?? []
}

/** The tables have changed since a statement was prepared, so that its rows would look different: it must be prepared anew. */
export function isOutdatedPlan(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.routine === 'RevalidateCachedQuery'
}

/** It took too long and was undone. */
export function isTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '57014'
}

/**
 * By the state that the server told (PostgreSQL, appendix A), or `unknown` where the answer was lost. A statement timeout or
 * a lack of resources undoes the transaction, so nothing was done.
 */
export function classifyError(error: unknown): ErrorClass {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return 'ambiguous'
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return 'ambiguous'
  return classifyState(error.code)
}

export function classifyState(state: string): ErrorClass {
  if (state === '40001' || state === '40P01' || state === '55P03') return 'retryable'
  // 08P01 is what the server says to fewer values than a statement has parameters.
  return /^(0A|08P01|2[1-7]|42|P0|44)/.test(state) ? 'invalid' : 'not_applied'
}
