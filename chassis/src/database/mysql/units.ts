import type { Deadline } from '../../clock/index.ts'
import { exponentialBackoffMs } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { createBatcher } from '../../concurrency/batcher.ts'
import type { Batcher } from '../../concurrency/batcher.ts'
import { commitError } from '../server/error-class.ts'
import type { ErrorClass } from '../server/error-class.ts'
import type { Outcome, Result, Statement } from '../port.ts'
import { control, isTimeout, classifyError, run, serverFault } from './connection.ts'
import type { MysqlClient, MysqlConnection } from './connection.ts'
import { valuePlaceholder, Reference } from '../reference.ts'

const batcherLimits = { batchesInFlightMax: 1, batchSizeMax: 64 }
const shapesMax = 500
const unitsWaitingMax = 20_000
const triesMax = 5
/** Units that run by themselves may wait for locks, and leave connections to those that travel together. */
const aloneAtOnceMax = 8
/** How long the difference between the clocks of the server and of this process is taken to stand. */
const clockKeptMs = 10_000

type Waiting = {
  readonly unit: readonly Statement[]
  readonly before: number
  tries: number
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** What became of a unit within a transaction that was committed, or of all of them when it was not. */
type Answers =
  | { readonly done: readonly (Outcome | Error)[] }
  | { readonly failure: ErrorClass; readonly cause: unknown }
  | 'late'

/**
 * Units of the same statements that arrive together, or while the ones before are on their way, share a
 * transaction and its wait for the disk, each behind a savepoint. Where the transaction fails as a whole, each is run by
 * itself. A lone unit waits for nobody, and units of different statements do not wait for each other.
 */
export function createUnits(link: MysqlConnection): {
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  close(): Promise<void>
} {
  const lanes = new Map<string, Batcher<Waiting>>()
  const clocks = createClocks()
  const lone: Waiting[] = []
  let loneTravelling = 0
  let waitingCount = 0
  let closed = false
  let whenIdle: (() => void) | undefined

  function laneOf(unit: readonly Statement[]): Batcher<Waiting> {
    const key = unit.map(({ sql }) => sql).join(';\n')
    const known = lanes.get(key)
    if (known !== undefined) return known
    // Built queries differ without end; those in use come back at once.
    if (lanes.size >= shapesMax) lanes.clear()
    const lane = createBatcher(runBatch, batcherLimits)
    lanes.set(key, lane)
    return lane
  }

  async function runBatch(batch: readonly Waiting[]): Promise<void> {
    const rest = await runInOneTransaction(batch)
    for (const waiting of rest) startAlone(waiting)
    settled(batch.length - rest.length)
  }

  function settled(count: number): void {
    waitingCount -= count
    if (waitingCount === 0) whenIdle?.()
  }

  function startAlone(waiting: Waiting): void {
    lone.push(waiting)
    dispatchAlone()
  }

  function dispatchAlone(): void {
    if (loneTravelling >= aloneAtOnceMax) return
    const waiting = lone.shift()
    if (waiting === undefined) return
    loneTravelling += 1
    void runInOneTransaction([waiting]).then(([again]) => {
      loneTravelling -= 1
      if (again === undefined) settled(1)
      else setTimeout(startAlone, exponentialBackoffMs(again.tries) / 10, again)
      dispatchAlone()
    })
  }

  /** Settles the units, and gives those that are to be run each by itself. */
  async function runInOneTransaction(all: readonly Waiting[]): Promise<readonly Waiting[]> {
    const batch = all.filter((waiting) => !refuseLate(waiting, performance.now()))
    if (batch.length === 0) return []
    try {
      const answers = await attempt(batch)
      if (answers === 'late') return batch.filter((waiting) => batch.length > 1 || !refuseLate(waiting))
      if ('done' in answers) {
        for (const [i, waiting] of batch.entries()) settle(waiting, answers.done[i])
        return []
      }
      return batch.filter((waiting) => failBy(waiting, answers, batch.length > 1))
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return []
    }
  }

  /** One transaction of all of them. Until its commit is sent, a connection that is lost undoes it. */
  async function attempt(batch: readonly Waiting[]): Promise<Answers> {
    const [only] = batch
    const before = Math.min(...batch.map((waiting) => waiting.before))
    let isSent = false
    try {
      return await link.use(async (client) => {
        if (only !== undefined && batch.length === 1 && only.unit.length === 1 && before === Infinity) {
          isSent = true
          return { done: [await runSteps(client, only.unit)] }
        }
        const limit = before === Infinity ? undefined : before + (await clocks.aheadOf(client))
        await control(client, 'begin')
        try {
          const done: (Outcome | Error)[] = []
          for (const { unit } of batch) done.push(await runUnit(client, unit, batch.length > 1))
          if (!done.some(isDone)) await control(client, 'rollback')
          else {
            isSent = true
            await control(client, commitText(limit))
          }
          return { done }
        } catch (error) {
          if (serverFault(error) !== undefined) await control(client, 'rollback')
          if (isSent && serverFault(error)?.errno === outOfRange) return 'late'
          throw error
        }
      })
    } catch (error) {
      if (error instanceof AppError) throw error
      const failure = classifyError(error)
      return { failure: failure === 'ambiguous' && !isSent ? 'not_applied' : failure, cause: error }
    }
  }

  return {
    commit(unit, { before = Number.POSITIVE_INFINITY } = {}) {
      if (closed) return Promise.reject(dependencyDown('The database is closed.'))
      if (unit.length === 0) return Promise.resolve({ results: [] })
      if (waitingCount >= unitsWaitingMax)
        return Promise.reject(new AppError('overloaded', 'Too many writes are waiting.'))
      return new Promise((resolve, reject) => {
        waitingCount += 1
        laneOf(unit).add({ unit, before, tries: 1, resolve, reject })
      })
    },
    async close() {
      closed = true
      if (waitingCount === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      whenIdle = resolve
      await promise
    },
  }
}

/** True when the unit was told that it is too late for it. */
function refuseLate({ before, reject }: Waiting, now = Number.POSITIVE_INFINITY): boolean {
  if (now < before || before === Number.POSITIVE_INFINITY) return false
  reject(new AppError('overloaded', 'The write came too late and was not made.'))
  return true
}

const isDone = (answer: Outcome | Error) => !(answer instanceof Error) && answer.failedStatement === undefined

function settle({ unit, resolve, reject }: Waiting, answer: Outcome | Error | undefined): void {
  const required =
    answer instanceof Error || answer === undefined
      ? undefined
      : unit[answer.failedStatement ?? -1]?.mustAffectRows
  if (answer === undefined) reject(new Error('The database gave no answer.'))
  else if (answer instanceof Error) reject(answer)
  else if (typeof required === 'function') reject(required())
  else resolve(answer)
}

/** Tells the unit what its transaction came to; true when it is to be run by itself, or again. */
function failBy(
  waiting: Waiting,
  { failure, cause }: { failure: ErrorClass; cause: unknown },
  isShared: boolean,
): boolean {
  // The fault may be of one of them, and it is not told of which: by itself each gets what it deserves.
  if (isShared && (failure === 'retryable' || isTimeout(cause))) return true
  if (failure === 'retryable' && waiting.tries < triesMax) {
    waiting.tries += 1
    return true
  }
  waiting.reject(cause instanceof TypeError ? cause : commitError(failure, cause))
  return false
}

/** What is refused, or at fault by itself, leaves no trace in a transaction that it shares with others. */
async function runUnit(
  client: MysqlClient,
  unit: readonly Statement[],
  isShared: boolean,
): Promise<Outcome | Error> {
  // A lone statement that fails or touches nothing has undone itself.
  const needsSavepoint = isShared && unit.length > 1
  if (needsSavepoint) await control(client, 'savepoint q')
  const answer = await runSteps(client, unit).catch((error: unknown) => {
    if (classifyError(error) !== 'invalid') throw error
    return error instanceof TypeError || error instanceof AppError ? error : commitError('invalid', error)
  })
  if (needsSavepoint && !isDone(answer)) await control(client, 'rollback to savepoint q')
  return answer
}

async function runSteps(client: MysqlClient, unit: readonly Statement[]): Promise<Outcome> {
  const results: Result[] = []
  for (const [index, { sql, parameters, mustAffectRows }] of unit.entries()) {
    const values = parameters.map((value) => referredValue(value, unit, results))
    const result = await run(client, sql, values)
    if (mustAffectRows && result.changes === 0) return { failedStatement: index, results: [] }
    results.push(result)
  }
  return { results }
}

function referredValue(value: unknown, unit: readonly Statement[], results: readonly Result[]): unknown {
  if (!(value instanceof Reference)) return value
  const referred = results[unit.indexOf(value.statement)]?.rows[0]?.[value.column]
  if (referred === undefined)
    throw new TypeError(`No statement before returned a ${value.column} to refer to.`)
  return value.template === valuePlaceholder
    ? referred
    : value.template.replaceAll(valuePlaceholder, String(referred))
}

const outOfRange = 1690

/**
 * The commit, behind a sum that is too large for its type once the server's clock, in milliseconds, has come to `before`. The
 * server gets both in one message and leaves out what follows an error, so that nothing comes between the look and the commit.
 */
function commitText(before: number | undefined): string {
  if (before === undefined) return 'commit'
  return `select 18446744073709551615 + if(unix_timestamp(now(6)) * 1000 >= ${before.toFixed(3)}, 1, 0); commit`
}

/** How far the server's clock is ahead of `performance.now()`, by what it told on each connection. */
function createClocks() {
  const known = new WeakMap<object, { at: number; aheadMs: number }>()
  return {
    async aheadOf(client: MysqlClient): Promise<number> {
      const kept = known.get(client.connection)
      if (kept !== undefined && performance.now() - kept.at < clockKeptMs) return kept.aheadMs
      const { rows } = await run(client, 'select unix_timestamp(now(6)) * 1000 as now', [])
      // It told its time before this process reads its own, so the difference is that at the least.
      const at = performance.now()
      const aheadMs = Number(rows[0]?.now ?? Number.NaN) - at
      known.set(client.connection, { at, aheadMs })
      return aheadMs
    },
  }
}
