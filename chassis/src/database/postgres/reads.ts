import type { CompiledQuery } from 'kysely'
import { AppError } from '../../errors/index.ts'
import { checkValue } from '../server/bound-values.ts'
import { createBatcher } from '../../concurrency/batcher.ts'
import type { Batcher } from '../../concurrency/batcher.ts'
import { readError } from '../server/error-class.ts'
import type { Row } from '../port.ts'
import { runQuery, isOutdatedPlan, classifyError, parameterTypes } from './connection.ts'
import type { PostgresClient, PostgresConnection } from './connection.ts'
import { arrayOf, replaceParameters } from './sql-text.ts'

const batcherLimits = { batchesInFlightMax: 2, batchSizeMax: 256 }
const readsWaitingMax = 20_000
const textsMax = 500

type Waiting = {
  readonly parameters: readonly unknown[]
  resolve(rows: readonly Row[]): void
  reject(error: unknown): void
}

/** Reads by one text. */
type Lane = {
  /** Stands in the names of what is prepared. */
  id: number
  readonly text: string
  readonly batcher: Batcher<Waiting>
  batchSql: Promise<string> | undefined
}

/**
 * Reads by one text that arrive together, or while others are on their way, travel as one: the server runs
 * the text for each set of parameters. A lone one is a prepared statement of its own.
 */
export function createReads(link: PostgresConnection): {
  read<R>(query: CompiledQuery<R>): Promise<readonly R[]>
} {
  let lanes = new Map<string, Lane>()
  let ids = 0
  let waitingCount = 0

  function laneOf(text: string): Lane {
    const known = lanes.get(text)
    if (known !== undefined) return known
    if (lanes.size >= textsMax) lanes = new Map()
    const settle = async (batch: readonly Waiting[]) => {
      await run(lane, batch, true)
      waitingCount -= batch.length
    }
    const lane: Lane = { id: ++ids, text, batcher: createBatcher(settle, batcherLimits), batchSql: undefined }
    lanes.set(text, lane)
    return lane
  }

  /** What is prepared on any connection by the old names is not used again. */
  function renew(lane: Lane): void {
    lane.id = ++ids
    lane.batchSql = undefined
  }

  async function run(lane: Lane, batch: readonly Waiting[], mayTryAgain: boolean): Promise<void> {
    try {
      const answers = await link.use((client) => runOn(client, lane, batch))
      for (let i = 0; i < batch.length; i++) batch[i]?.resolve(answers[i] ?? [])
    } catch (error) {
      if (isOutdatedPlan(error) && mayTryAgain) {
        renew(lane)
        await run(lane, batch, false)
      } else if (error instanceof AppError) for (const { reject } of batch) reject(error)
      else if (classifyError(error) === 'invalid' && batch.length > 1)
        await Promise.all(batch.map((one) => run(lane, [one], false)))
      // A read changes nothing, so one whose answer was lost with its connection may be asked again.
      else if (classifyError(error) === 'ambiguous' && mayTryAgain) await run(lane, batch, false)
      else for (const { reject } of batch) reject(readError(classifyError(error), error))
    }
  }

  return {
    read<R>({ sql, parameters }: CompiledQuery<R>): Promise<readonly R[]> {
      if (waitingCount >= readsWaitingMax)
        return Promise.reject(new AppError('overloaded', 'Too many reads are waiting.'))
      return new Promise((resolve, reject) => {
        for (const value of parameters) checkValue(value)
        waitingCount += 1
        // The row type is Kysely's, derived from the very query that was compiled to this text.
        laneOf(sql).batcher.add({ parameters, resolve: (rows) => resolve(rows as readonly R[]), reject })
      })
    },
  }
}

async function runOn(
  client: PostgresClient,
  lane: Lane,
  batch: readonly Waiting[],
): Promise<(readonly Row[])[]> {
  const [only, ...others] = batch
  if (only !== undefined && others.length === 0) return [await runOne(client, lane, only)]
  lane.batchSql ??= batchText(client, lane)
  lane.batchSql.catch(() => {
    lane.batchSql = undefined
  })
  const text = await lane.batchSql
  const width = only?.parameters.length ?? 0
  const values = Array.from({ length: width }, (_, at) =>
    arrayOf(batch.map(({ parameters }) => parameters[at])),
  )
  if (width === 0) values.push(arrayOf(batch.map(() => null)))
  const { rows, fields } = await runQuery<unknown[]>(client, {
    name: `t${lane.id}`,
    text,
    values,
    rowMode: 'array',
  })
  const names = fields.slice(1).map(({ name }) => name)
  const answers: Row[][] = batch.map(() => [])
  for (const cells of rows) {
    const row: Row = {}
    for (let i = 0; i < names.length; i++) row[names[i] ?? ''] = cells[i + 1]
    answers[Number(cells[0]) - 1]?.push(row)
  }
  return answers
}

async function runOne(client: PostgresClient, lane: Lane, { parameters }: Waiting): Promise<readonly Row[]> {
  const { rows } = await runQuery<Row>(client, {
    name: `r${lane.id}`,
    text: lane.text,
    values: [...parameters],
  })
  return rows
}

/**
 * The text run for each of many sets of parameters, in order. `offset 0` keeps the planner from merging the text into the rest,
 * and so from losing the order in which it gives its rows.
 */
async function batchText(client: PostgresClient, { text }: Lane): Promise<string> {
  const types = await parameterTypes(client, text)
  const arrays = types.length === 0 ? '$1::text[]' : types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')
  const columns = types.length === 0 ? 'p1' : types.map((_, i) => `p${i + 1}`).join(', ')
  const inner = replaceParameters(text, (number) => `q_in.p${number}`)
  return `select q_in.q_at, q_out.* from unnest(${arrays}) with ordinality as q_in(${columns}, q_at)
    cross join lateral (select * from (${inner}) q_text offset 0) q_out order by q_in.q_at`
}
