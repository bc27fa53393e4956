import { setTimeout as pause } from 'node:timers/promises'
import { exponentialBackoffMs } from '../../clock/index.ts'
import type { Deadline } from '../../clock/index.ts'
import { createBatcher } from '../../concurrency/batcher.ts'
import type { Batcher } from '../../concurrency/batcher.ts'
import { createLimiter } from '../../concurrency/limiter.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { rejectLate, settle, tooManyUnits, unitsPendingMax } from '../pending-unit.ts'
import type { PendingUnit } from '../pending-unit.ts'
import type { CommitMeasures } from '../metrics.ts'
import type { Outcome, Statement } from '../port.ts'
import { Reference } from '../reference.ts'
import { checkValue } from './bound-values.ts'
import { commitError } from './error-class.ts'
import type { ErrorClass } from './error-class.ts'
import { createShapeMap } from './shape-map.ts'

const attemptsMax = 5
/** Units that are executed individually may wait for locks; this leaves connections to the batches. */
const individualsInFlightMax = 8

/** The commit half of a database on a server. */
export type CommitQueue = {
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  /** Refuses new units and waits for those that are pending. */
  close(): Promise<void>
}

/** What differs between engines. Errors that it throws or returns are judged by `classifyError`. */
export type CommitEngine<Shape> = {
  readonly batches: { readonly batchesInFlightMax: number; readonly batchSizeMax: number }
  /** What the engine keeps for units that differ only in their values; throws for those that can never be executed. */
  shapeOf(unit: readonly Statement[], hasDeadline: boolean): Shape
  /**
   * Executes units of one shape in one transaction and gives a result for each. It throws where nothing was applied, or
   * where that is unknown. Undefined, and nothing done, where they are better executed individually.
   */
  executeBatch(shape: Shape, units: readonly PendingUnit[]): Promise<readonly UnitResult[]> | undefined
  executeOne(shape: Shape, unit: PendingUnit): Promise<UnitResult>
  classifyError(error: unknown): ErrorClass
  isTimeout(error: unknown): boolean
}

/** Undefined where the server's response has no result for the unit. */
export type UnitResult = Outcome | Error | undefined

type Pending = PendingUnit & { attempts: number }

/**
 * Group commit on a server: units of one shape that arrive together, or while an earlier batch is in flight, are executed as
 * one batch, with one wait for the disk and an outcome for each. A batch that fails because of one of its units is
 * executed again, each unit individually. A single unit does not wait for others, nor do units of different shapes.
 */
export function createCommitQueue<Shape>(
  engine: CommitEngine<Shape>,
  measures?: CommitMeasures,
): CommitQueue {
  const queues = createShapeMap<Batcher<Pending>>((unit, hasDeadline) => {
    const shape = engine.shapeOf(unit, hasDeadline)
    return createBatcher((batch) => runBatch(shape, batch), engine.batches)
  })
  const limitIndividuals = createLimiter({
    concurrencyMax: individualsInFlightMax,
    waitingMax: unitsPendingMax,
    refusal: 'Too many writes are waiting.',
  })
  let pendingCount = 0
  let closed = false
  let onIdle: (() => void) | undefined
  measures?.watch(() => pendingCount)

  async function runBatch(shape: Shape, batch: Pending[]): Promise<void> {
    const rest = await executeBatch(shape, rejectLate(batch))
    for (const pending of rest) void runIndividually(shape, pending)
    countSettled(batch.length - rest.length)
  }

  /** Settles the units; returns those that are to be executed individually. */
  async function executeBatch(shape: Shape, batch: Pending[]): Promise<readonly Pending[]> {
    if (batch.length === 0) return batch
    try {
      const results = await engine.executeBatch(shape, batch)
      if (results === undefined) return batch
      measures?.committed(batch.length)
      return batch.filter((pending, i) => !trySettle(engine, pending, results[i]))
    } catch (error) {
      if (batch.length > 1 && mayConcernOne(engine, error)) return batch
      return batch.filter((pending) => !tryReject(engine, pending, error))
    }
  }

  async function runIndividually(shape: Shape, pending: Pending): Promise<void> {
    while (!(await limitIndividuals(() => executeOne(shape, pending))))
      await pause(exponentialBackoffMs(pending.attempts) / 10)
    countSettled(1)
  }

  /** Settles the unit; false where it is to be executed again. */
  async function executeOne(shape: Shape, pending: Pending): Promise<boolean> {
    if (rejectLate([pending]).length === 0) return true
    try {
      const result = await engine.executeOne(shape, pending)
      measures?.committed(1)
      return trySettle(engine, pending, result)
    } catch (error) {
      return tryReject(engine, pending, error)
    }
  }

  function countSettled(count: number): void {
    pendingCount -= count
    if (pendingCount === 0) onIdle?.()
  }

  return {
    commit(unit, { before = Number.POSITIVE_INFINITY } = {}) {
      if (closed) return Promise.reject(dependencyDown('The database is closed.'))
      if (unit.length === 0) return Promise.resolve({ results: [] })
      if (pendingCount >= unitsPendingMax) return Promise.reject(tooManyUnits())
      return new Promise((resolve, reject) => {
        checkValues(unit)
        const batcher = queues.get(unit, Number.isFinite(before))
        pendingCount += 1
        batcher.add({ unit, before, attempts: 1, resolve, reject })
      })
    },
    async close() {
      closed = true
      if (pendingCount === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      onIdle = resolve
      await promise
    },
  }
}

type ErrorClasses = Pick<CommitEngine<unknown>, 'classifyError' | 'isTimeout'>

/** Settles the unit; false where it is to be executed again. */
function trySettle(engine: ErrorClasses, pending: Pending, result: UnitResult): boolean {
  if (result instanceof Error) return tryReject(engine, pending, result)
  if (result === undefined) pending.reject(new Error('The database gave no result for the unit.'))
  else settle(pending, result)
  return true
}

function tryReject(engine: ErrorClasses, pending: Pending, error: unknown): boolean {
  if (isOurs(error)) {
    pending.reject(error)
    return true
  }
  const errorClass = engine.classifyError(error)
  if (errorClass === 'retryable' && pending.attempts < attemptsMax) {
    pending.attempts += 1
    return false
  }
  pending.reject(commitError(errorClass, error))
  return true
}

/** Whether the fault may be one unit's: the server does not report whose. */
function mayConcernOne(engine: ErrorClasses, error: unknown): boolean {
  if (error instanceof AppError) return false
  const errorClass = engine.classifyError(error)
  return errorClass === 'invalid' || errorClass === 'retryable' || engine.isTimeout(error)
}

/** Thrown by this process, with a message for the caller. */
function isOurs(error: unknown): boolean {
  return error instanceof AppError || error instanceof TypeError
}

function checkValues(unit: readonly Statement[]): void {
  for (const { parameters } of unit)
    for (const value of parameters) if (!(value instanceof Reference)) checkValue(value)
}
