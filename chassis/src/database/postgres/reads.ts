import type { CompiledQuery } from 'kysely'
import { createBatcher } from '../../concurrency/batcher.ts'
import type { Batcher } from '../../concurrency/batcher.ts'
import { AppError } from '../../errors/index.ts'
import type { Row } from '../port.ts'
import { checkValue } from '../server/bound-values.ts'
import { readError } from '../server/error-class.ts'
import { parameterTypes, runQuery } from './connection.ts'
import type { PostgresClient, PostgresConnection } from './connection.ts'
import { classifyError, isOutdatedPlan } from './error-class.ts'
import { arrayOf, replaceParameters } from './sql-text.ts'

const batches = { batchesInFlightMax: 2, batchSizeMax: 256 }
const readsPendingMax = 20_000
const textsMax = 500

type PendingRead = {
  readonly parameters: readonly unknown[]
  resolve(rows: readonly Row[]): void
  reject(error: unknown): void
}

/** The reads of one text. */
type TextQueue = {
  readonly text: string
  readonly batcher: Batcher<PendingRead>
  /** Part of the names of its prepared statements. */
  id: number
  batchSql: Promise<string> | undefined
}

/**
 * Reads of one text that arrive together, or while an earlier batch is in flight, are executed as one query, which runs the
 * text for each set of parameters. A single read is a prepared statement of its own.
 */
export function createReads(connection: PostgresConnection): {
  read<R>(query: CompiledQuery<R>): Promise<readonly R[]>
} {
  const queues = new Map<string, TextQueue>()
  let lastId = 0
  let pendingCount = 0

  function queueOf(text: string): TextQueue {
    const known = queues.get(text)
    if (known !== undefined) return known
    // Queries that are built at run time differ without limit; those in use are added again at once.
    if (queues.size >= textsMax) queues.clear()
    const runBatch = async (batch: readonly PendingRead[]) => {
      await run(queue, batch, true)
      pendingCount -= batch.length
    }
    const queue: TextQueue = {
      id: ++lastId,
      text,
      batcher: createBatcher(runBatch, batches),
      batchSql: undefined,
    }
    queues.set(text, queue)
    return queue
  }

  async function run(queue: TextQueue, batch: readonly PendingRead[], mayRetry: boolean): Promise<void> {
    try {
      const results = await connection.use((client) => runOn(client, queue, batch))
      for (let i = 0; i < batch.length; i++) batch[i]?.resolve(results[i] ?? [])
    } catch (error) {
      await retryOrReject(queue, batch, mayRetry, error)
    }
  }

  async function retryOrReject(
    queue: TextQueue,
    batch: readonly PendingRead[],
    mayRetry: boolean,
    error: unknown,
  ): Promise<void> {
    const errorClass = classifyError(error)
    if (isOutdatedPlan(error) && mayRetry) {
      renameStatements(queue)
      await run(queue, batch, false)
    } else if (error instanceof AppError) for (const { reject } of batch) reject(error)
    else if (errorClass === 'invalid' && batch.length > 1)
      await Promise.all(batch.map((one) => run(queue, [one], false)))
    // A read changes nothing, so one whose response was lost with its connection can be repeated.
    else if (errorClass === 'ambiguous' && mayRetry) await run(queue, batch, false)
    else for (const { reject } of batch) reject(readError(errorClass, error))
  }

  /** What is prepared by the old names on any connection is not used again. */
  function renameStatements(queue: TextQueue): void {
    queue.id = ++lastId
    queue.batchSql = undefined
  }

  return {
    read<R>({ sql, parameters }: CompiledQuery<R>): Promise<readonly R[]> {
      if (pendingCount >= readsPendingMax)
        return Promise.reject(new AppError('overloaded', 'Too many reads are waiting.'))
      return new Promise((resolve, reject) => {
        for (const value of parameters) checkValue(value)
        pendingCount += 1
        // The row type is Kysely's, derived from the query that was compiled to this text.
        queueOf(sql).batcher.add({ parameters, resolve: (rows) => resolve(rows as readonly R[]), reject })
      })
    },
  }
}

async function runOn(
  client: PostgresClient,
  queue: TextQueue,
  batch: readonly PendingRead[],
): Promise<(readonly Row[])[]> {
  const [first, ...others] = batch
  if (first !== undefined && others.length === 0) return [await runOne(client, queue, first)]
  const { rows, fields } = await runQuery<unknown[]>(client, {
    name: `t${queue.id}`,
    text: await batchSqlOf(client, queue),
    values: valuesOf(batch),
    rowMode: 'array',
  })
  const names = fields.slice(1).map(({ name }) => name)
  const results: Row[][] = batch.map(() => [])
  for (const cells of rows) {
    const row: Row = {}
    for (let i = 0; i < names.length; i++) row[names[i] ?? ''] = cells[i + 1]
    results[Number(cells[0]) - 1]?.push(row)
  }
  return results
}

async function runOne(
  client: PostgresClient,
  { id, text }: TextQueue,
  { parameters }: PendingRead,
): Promise<readonly Row[]> {
  const { rows } = await runQuery<Row>(client, { name: `r${id}`, text, values: [...parameters] })
  return rows
}

/** An array for each parameter; for a text without any, one that says how many reads there are. */
function valuesOf(batch: readonly PendingRead[]): unknown[] {
  const count = batch[0]?.parameters.length ?? 0
  if (count === 0) return [arrayOf(batch.map(() => null))]
  return Array.from({ length: count }, (_, at) => arrayOf(batch.map(({ parameters }) => parameters[at])))
}

function batchSqlOf(client: PostgresClient, queue: TextQueue): Promise<string> {
  queue.batchSql ??= makeBatchSql(client, queue.text).catch((error: unknown) => {
    queue.batchSql = undefined
    throw error
  })
  return queue.batchSql
}

/**
 * The text run for each of many sets of parameters, in order. `offset 0` keeps the planner from merging the text into the
 * query around it, which would lose the order of its rows.
 */
async function makeBatchSql(client: PostgresClient, text: string): Promise<string> {
  const types = await parameterTypes(client, text)
  const arrays = types.length === 0 ? '$1::text[]' : types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')
  const columns = types.length === 0 ? 'p1' : types.map((_, i) => `p${i + 1}`).join(', ')
  const inner = replaceParameters(text, (number) => `q_in.p${number}`)
  return `select q_in.q_at, q_out.* from unnest(${arrays}) with ordinality as q_in(${columns}, q_at)
    cross join lateral (select * from (${inner}) q_text offset 0) q_out order by q_in.q_at`
}
