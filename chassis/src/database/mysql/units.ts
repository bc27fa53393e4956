import { deadlineExceeded } from '../pending-unit.ts'
import type { PendingUnit } from '../pending-unit.ts'
import { commitBeforeColumn } from '../port.ts'
import type { Outcome, Statement } from '../port.ts'
import type { CommitMeasures } from '../metrics.ts'
import { createCommitQueue } from '../server/commit-queue.ts'
import type { CommitQueue } from '../server/commit-queue.ts'
import { commitError } from '../server/error-class.ts'
import { executeUnit } from '../server/execute-unit.ts'
import { createHangGuard } from '../server/hang-guard.ts'
import { createServerClock } from '../server/server-clock.ts'
import type { ServerClock } from '../server/server-clock.ts'
import { control, run } from './connection.ts'
import type { MysqlClient, MysqlConnection } from './connection.ts'
import { classifyError, isTimeout, serverError } from './error-class.ts'
import { sessionsRunningFor } from './settle.ts'

const batches = { batchesInFlightMax: 1, batchSizeMax: 64 }

/** The units of a batch share a transaction, each behind a savepoint. */
export function createUnits(connection: MysqlConnection, measures?: CommitMeasures): CommitQueue {
  const guard = createHangGuard(() => connection.use(countHanging))
  const clock = createServerClock<MysqlClient>({
    read: readClock,
    connectionOf: (client) => client.connection,
  })

  async function execute(units: readonly PendingUnit[]): Promise<(Outcome | Error)[]> {
    const transaction = { isCommitSent: false }
    try {
      return await guard.run(() => connection.use((client) => executeOn(client, clock, units, transaction)))
    } catch (error) {
      // A connection that is lost before the commit is sent undoes its transaction.
      if (!transaction.isCommitSent && classifyError(error) === 'ambiguous')
        throw commitError('not_applied', error)
      throw error
    }
  }

  return createCommitQueue<undefined>(
    {
      batches,
      shapeOf: () => undefined,
      executeBatch: (_, units) => execute(units),
      executeOne: async (_, unit) => (await execute([unit]))[0],
      classifyError,
      isTimeout,
    },
    measures,
  )
}

/** The sessions of this user whose statements run for longer than a response is waited for. */
async function countHanging(client: MysqlClient): Promise<number> {
  return (await run(client, sessionsRunningFor, [3])).rows.length
}

async function executeOn(
  client: MysqlClient,
  clock: ServerClock<MysqlClient>,
  units: readonly PendingUnit[],
  transaction: { isCommitSent: boolean },
): Promise<(Outcome | Error)[]> {
  const before = Math.min(...units.map((unit) => unit.before))
  const [first] = units
  if (first !== undefined && units.length === 1 && first.unit.length === 1 && before === Infinity) {
    transaction.isCommitSent = true
    return [await executeStatements(client, first.unit)]
  }
  const serverDeadline = before === Infinity ? Infinity : before + (await clock.offsetMs(client))
  let limit: Limit = { ms: Infinity, statement: 0 }
  await control(client, 'begin')
  try {
    const results: (Outcome | Error)[] = []
    for (const { unit } of units) results.push(await executeInTransaction(client, unit, units.length > 1))
    if (!results.some(isApplied)) {
      await control(client, 'rollback')
      return results
    }
    for (const result of results) limit = earlierLimit(limit, result)
    transaction.isCommitSent = true
    await control(client, commitText(Math.min(serverDeadline, limit.ms)))
    return results
  } catch (error) {
    const errno = serverError(error)?.errno
    if (errno !== undefined) await control(client, 'rollback')
    // The deadline of a batch is the first of its units', so which of them are late shows when each is executed by itself.
    if (!transaction.isCommitSent || errno !== outOfRange || units.length > 1) throw error
    if (limit.ms <= serverDeadline) return [{ failedStatement: limit.statement, results: [] }]
    throw deadlineExceeded()
  }
}

/** The time by the server's clock before which units must commit, and the statement of the unit that returned it. */
type Limit = { readonly ms: number; readonly statement: number }

function earlierLimit(limit: Limit, result: Outcome | Error): Limit {
  if (result instanceof Error) return limit
  let earliest = limit
  for (const [statement, { rows }] of result.results.entries()) {
    const seconds = rows[0]?.[commitBeforeColumn] ?? Infinity
    if (Number(seconds) * 1_000 < earliest.ms) earliest = { ms: Number(seconds) * 1_000, statement }
  }
  return earliest
}

/** A unit that is refused or invalid leaves no trace in a transaction that it shares with others. */
async function executeInTransaction(
  client: MysqlClient,
  unit: readonly Statement[],
  isShared: boolean,
): Promise<Outcome | Error> {
  // A single statement that fails or affects nothing has undone itself.
  const needsSavepoint = isShared && unit.length > 1
  if (needsSavepoint) await control(client, 'savepoint q')
  const result = await executeStatements(client, unit).catch((error: unknown) => {
    if (error instanceof Error && classifyError(error) === 'invalid') return error
    throw error
  })
  if (needsSavepoint && !isApplied(result)) await control(client, 'rollback to savepoint q')
  return result
}

function executeStatements(client: MysqlClient, unit: readonly Statement[]): Promise<Outcome> {
  return executeUnit(unit, (sql, parameters) => run(client, sql, parameters))
}

function isApplied(result: Outcome | Error): boolean {
  return !(result instanceof Error) && result.failedStatement === undefined
}

const outOfRange = 1690

/**
 * The commit, after a sum that overflows its type once the server's clock, in milliseconds, has reached the deadline. The
 * server gets both in one message and skips what follows an error, so nothing can come between the check and the commit.
 */
function commitText(serverDeadline: number): string {
  if (serverDeadline === Infinity) return 'commit'
  return `select 18446744073709551615 + if(unix_timestamp(now(6)) * 1000 >= ${serverDeadline.toFixed(3)}, 1, 0); commit`
}

async function readClock(client: MysqlClient): Promise<number> {
  const { rows } = await run(client, 'select unix_timestamp(now(6)) * 1000 as now', [])
  return Number(rows[0]?.now ?? Number.NaN)
}
