import type { Outcome, Result, Row, Statement } from '../port.ts'
import type { CommitMeasures } from '../metrics.ts'
import { createCommitQueue } from '../server/commit-queue.ts'
import type { CommitQueue } from '../server/commit-queue.ts'
import { executeUnit } from '../server/execute-unit.ts'
import { createHangGuard } from '../server/hang-guard.ts'
import { runQuery } from './connection.ts'
import type { PostgresClient, PostgresConnection } from './connection.ts'
import { classifyError, isTimeout } from './error-class.ts'
import { createShape } from './shape.ts'
import type { Shape } from './shape.ts'
import { createShapeExecution } from './shape-execution.ts'

/** While the server waits for its disk for one batch, it can work on another. */
const batches = { batchesInFlightMax: 2, batchSizeMax: 256 }
/** A shape that has been used this often is worth a function, which costs as much as a hundred statements to create. */
const usesBeforeFunction = 3

/** The units of a batch are executed by one statement or function. */
export function createUnits(connection: PostgresConnection, measures?: CommitMeasures): CommitQueue {
  const execution = createShapeExecution()
  const guard = createHangGuard(() => connection.use(countHanging))
  const use = <R>(work: (client: PostgresClient) => Promise<R>) => guard.run(() => connection.use(work))
  let shapes = 0

  return createCommitQueue<UsedShape>(
    {
      batches,
      shapeOf: (unit, hasDeadline) => ({ ...createShape(++shapes, unit, hasDeadline), uses: 0 }),
      executeBatch(shape, units) {
        shape.uses += units.length
        if (!shape.isTimed && shape.uses < usesBeforeFunction) return undefined
        return use((client) => execution.execute(client, shape, units))
      },
      executeOne: (shape, pending) =>
        use(async (client) =>
          shape.isTimed
            ? execution.executeOne(client, shape, pending)
            : executeStatements(client, pending.unit),
        ),
      classifyError,
      isTimeout,
    },
    measures,
  )
}

type UsedShape = Shape & { uses: number }

/** The sessions of this user whose statements run for longer than their timeout: only a commit is not bounded by it. */
async function countHanging(client: PostgresClient): Promise<number> {
  const { rows } = await runQuery<{ hanging: number }>(client, {
    text: `select count(*)::integer as hanging from pg_stat_activity
      where usename = current_user and datname = current_database()
      and application_name = current_setting('application_name')
      and state = 'active' and query_start < clock_timestamp() - interval '3 seconds'`,
  })
  return rows[0]?.hanging ?? 0
}

/** Without a function: one statement after the other, in a transaction if there are several. */
async function executeStatements(client: PostgresClient, unit: readonly Statement[]): Promise<Outcome> {
  if (unit.length === 1) return executeUnit(unit, (sql, parameters) => execute(client, sql, parameters))
  await runQuery(client, { text: 'begin' })
  try {
    const outcome = await executeUnit(unit, (sql, parameters) => execute(client, sql, parameters))
    await runQuery(client, { text: outcome.failedStatement === undefined ? 'commit' : 'rollback' })
    return outcome
  } catch (error) {
    await runQuery(client, { text: 'rollback' }).catch(() => {})
    throw error
  }
}

async function execute(client: PostgresClient, text: string, values: unknown[]): Promise<Result> {
  const { rows, rowCount } = await runQuery<Row>(client, { text, values })
  return { rows, changes: rowCount ?? rows.length }
}
