import pg from 'pg'
import { exponentialBackoffMs } from '../clock/index.ts'
import { AppError, dependencyDown } from '../errors/index.ts'

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

/** Connections to one database, which need not be there. */
export type PostgresLink = {
  /**
   * Gives the work a connection of its own. Rejects with `dependency_down` when there is none to be had, and with whatever
   * the work rejects with; a connection on which something other than a statement failed is not used again.
   */
  use<R>(work: (client: PostgresClient) => Promise<R>): Promise<R>
  close(): Promise<void>
}

export function openPostgresLink(url: string): PostgresLink {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: lifetimeSeconds,
    keepAlive: true,
    application_name: 'quintet',
    query_timeout: answerTimeoutMs,
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
  const waiting: (() => void)[] = []
  let used = 0
  let failures = 0
  let triedAgainAt = Number.NEGATIVE_INFINITY
  let fault: unknown
  let closed = false

  async function connect(): Promise<PostgresClient> {
    if (performance.now() < triedAgainAt) throw away(fault)
    try {
      const client = await pool.connect()
      failures = 0
      return client
    } catch (error) {
      failures += 1
      fault = error
      triedAgainAt = performance.now() + exponentialBackoffMs(failures)
      throw away(error)
    }
  }

  async function enter(): Promise<void> {
    if (closed) throw dependencyDown('The database is closed.')
    if (used < connectionsMax) {
      used += 1
      return
    }
    if (waiting.length >= waitingMax)
      throw new AppError('overloaded', 'Too many are waiting for the database.')
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await promise
  }

  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) used -= 1
    else next()
  }

  return {
    async use(work) {
      await enter()
      try {
        const client = await connect()
        let broken: Error | undefined
        try {
          return await work(client)
        } catch (error) {
          if (!isStatementFault(error)) broken = error instanceof Error ? error : new Error(String(error))
          throw error
        } finally {
          client.release(broken)
        }
      } finally {
        leave()
      }
    },
    async close() {
      if (closed) return
      closed = true
      await pool.end()
    },
  }
}

/** The server refused a statement and the connection goes on; AppErrors are made here, after an answer that was understood. */
function isStatementFault(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.severity !== 'FATAL' && error.severity !== 'PANIC'
  return error instanceof AppError || error instanceof TypeError
}

function away(cause: unknown): AppError {
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
  await client.query(`prepare q_types as ${text}`)
  const { rows } = await client.query<{ types: string[] }>(
    "select parameter_types::text[] as types from pg_prepared_statements where name = 'q_types'",
  )
  await client.query('deallocate q_types')
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

/** What the failure of a statement means for who asked for it. */
export type Failure = 'own fault' | 'try again' | 'not done' | 'unknown'

/**
 * By the state that the server told (PostgreSQL, appendix A), or `unknown` where the answer was lost. A statement timeout or
 * a lack of resources undoes the transaction, so nothing was done.
 */
export function judge(error: unknown): Failure {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return 'unknown'
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return 'unknown'
  return judgeState(error.code)
}

export function judgeState(state: string): Failure {
  if (state === '40001' || state === '40P01' || state === '55P03') return 'try again'
  // 08P01 is what the server says to fewer values than a statement has parameters.
  return /^(0A|08P01|2[1-7]|42|P0|44)/.test(state) ? 'own fault' : 'not done'
}
