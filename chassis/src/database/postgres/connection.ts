import pg from 'pg'
import { TimeoutError } from '../../clock/index.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { createServerConnection } from '../server/connection.ts'
import { createDiscards } from '../server/discards.ts'
import type { ServerConnection } from '../server/connection.ts'
import { isStatementError } from './error-class.ts'

const connectionsMax = 16
const waitingMax = 1_000
const connectTimeoutMs = 2_000
const statementTimeoutMs = 2_000
const lockTimeoutMs = 1_000
/** For a server that no longer enforces its own timeouts; the connection is discarded. */
const responseTimeoutMs = 4_000
const idleInTransactionTimeoutMs = 5_000
const idleTimeoutMs = 60_000
/** How long the server must have waited on a connection for a response on it to be lost. */
const idleMin = '400 ms'
/** Bounds the prepared statements of a connection, and how long it uses an outdated address of the server. */
const lifetimeSeconds = 1_800

/** The same object for as long as its connection lives. */
export type PostgresClient = pg.PoolClient

export type PostgresConnection = ServerConnection<PostgresClient>

export function openPostgresConnection(url: string): PostgresConnection {
  const pool = new pg.Pool({
    connectionString: withOwnSettings(url),
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: lifetimeSeconds,
    keepAlive: true,
    application_name: 'quintet',
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    types: { getTypeParser },
  })
  const discards = createDiscards()
  // A connection that breaks while it is idle is replaced when one is needed.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    discards.add(client)
    // One that breaks in use also fails the statement.
    client.on('error', () => {})
  })

  async function connect(): Promise<PostgresClient> {
    for (;;) {
      const client = await pool.connect()
      if (!discards.has(client)) return client
      destroy(client)
    }
  }

  return createServerConnection<PostgresClient>({
    connectionsMax,
    waitingMax,
    connect,
    release: (client, broken) => (broken === undefined ? client.release() : destroy(client)),
    discard: discards.discardAll,
    lateResponses: { findIdle: (clients) => findIdle(url, clients), destroy: loseConnection },
    end: () => pool.end(),
    isStatementError,
    unavailable,
  })
}

/**
 * What is acknowledged must be on disk, and a statement must see what was committed while it waited. The options of the URL and the
 * defaults of the server, the role and the database may say otherwise: the last option counts.
 */
const ownSettings = '-c synchronous_commit=on -c default_transaction_isolation=read\\ committed'

function withOwnSettings(url: string): string {
  const at = url.indexOf('?')
  const given = at < 0 ? '' : new URLSearchParams(url.slice(at)).get('options')
  const options = encodeURIComponent(`${given ?? ''} ${ownSettings}`)
  return `${url}${at < 0 ? '?' : '&'}options=${options}`
}

/** What is in flight fails as if the connection had been reset. */
function loseConnection({ connection }: PostgresClient): void {
  connection.stream.destroy(new Error('The response of the server was lost.'))
}

/** A transaction is idle between two statements, so only what has been idle for a while counts. */
const idleText = `select pid from pg_stat_activity where pid = any($1) and state like 'idle%'
  and clock_timestamp() - state_change > interval '${idleMin}'`

async function findIdle(url: string, clients: readonly PostgresClient[]): Promise<readonly PostgresClient[]> {
  const timeouts = { connectionTimeoutMillis: connectTimeoutMs, query_timeout: connectTimeoutMs }
  const observer = new pg.Client({ connectionString: url, application_name: 'quintet', ...timeouts })
  observer.on('error', () => {})
  try {
    await observer.connect()
    const byId = new Map(clients.map((client) => [processIdOf(client), client]))
    const { rows } = await observer.query<{ pid: number }>(idleText, [[...byId.keys()]])
    return rows.flatMap(({ pid }) => byId.get(pid) ?? [])
  } catch (error) {
    // The server can be reached.
    if (error instanceof pg.DatabaseError) return []
    throw error
  } finally {
    observer.connection.stream.destroy()
  }
}

/** The id of the process that the server has for this connection, which the types of pg lack. */
function processIdOf(client: PostgresClient): number {
  return Number(Reflect.get(client, 'processID'))
}

/** The pool would end the connection in an orderly way, and wait for the server without a limit. */
function destroy(client: PostgresClient): void {
  client.release(true)
  client.connection.stream.destroy()
}

/**
 * Rejects when there is no response in time. It does without pg's promise and timeout: those keep each query with its
 * parameters and rows reachable for two scavenges, and promoting them took a third of the time of garbage collection.
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
    const timer = setTimeout(
      () => reject(new TimeoutError('The server does not respond.')),
      responseTimeoutMs,
    )
    client.query(query, (error: Error | null, result: unknown) => {
      clearTimeout(timer)
      if (error) reject(error)
      else resolve(result)
    })
  })
}

function unavailable(cause: unknown): AppError {
  const code = cause instanceof pg.DatabaseError ? cause.code : undefined
  if (code === '3D000') return dependencyDown('The database does not exist: run quintet migrate up.', cause)
  if (code === '28P01' || code === '28000')
    return dependencyDown('The database refuses the user or the password.', cause)
  return dependencyDown('The database does not respond.', cause)
}

const int8 = 20

/** int8 as a number where that is exact: it is what Kysely's types say, and what SQLite returns. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === int8 && format !== 'binary') return parseInteger
  return pg.types.getTypeParser(oid, 'text')
}

function parseInteger(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** The types of a statement's parameters, as the server infers them. */
export async function parameterTypes(client: PostgresClient, text: string): Promise<readonly string[]> {
  await runQuery(client, { text: `prepare q_types as ${text}` })
  const { rows } = await runQuery<{ types: string[] }>(client, {
    text: "select parameter_types::text[] as types from pg_prepared_statements where name = 'q_types'",
  })
  await runQuery(client, { text: 'deallocate q_types' })
  return rows[0]?.types ?? []
}
