import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Deadline } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import type { Outcome, Result, Statement } from '../port.ts'
import { Reference } from '../reference.ts'
import type { Batch, BatchAnswer, Slot, StepAnswer, UnitAnswer } from './writer.ts'

const unitsWaitingMax = 20_000
const unitsPerBatchMax = 1_000
const statementsMax = 500

type Waiting = {
  readonly unit: readonly Statement[]
  readonly before: number
  resolve(outcome: Outcome): void
  reject(error: Error): void
}

/**
 * Group commit: units that arrive in one turn of the event loop, or while the disk is busy with the ones before, go to the
 * writing thread together and share one transaction and one fsync. A lone unit waits for nobody. `beforeAnswers` is called
 * when a group is durable and nobody has been told yet.
 */
export async function createGroupCommit(
  options: { path: string; busyTimeoutMs: number },
  beforeAnswers: () => void,
): Promise<{
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  close(): Promise<void>
}> {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), {
    workerData: options,
    // The thread holds a group at a time and little else; a small nursery keeps it from growing for nothing.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  })
  const statementIds = new Map<string, number>()
  let waiting: Waiting[] = []
  let travelling: Waiting[] = []
  let scheduled = false
  let closing: Promise<void> | undefined
  let whenIdle: (() => void) | undefined
  let broken: Error | undefined

  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve())
    worker.once('error', reject)
  })
  worker.on('message', settle)
  worker.on('error', (cause) => {
    broken = dependencyDown('The database cannot be written.', cause)
    for (const { reject } of [...travelling, ...waiting]) reject(broken)
    travelling = waiting = []
    whenIdle?.()
  })

  function commit(
    unit: readonly Statement[],
    { before = Number.POSITIVE_INFINITY }: Deadline = {},
  ): Promise<Outcome> {
    if (broken !== undefined) return Promise.reject(broken)
    if (closing !== undefined) return Promise.reject(dependencyDown('The database is closing.'))
    if (waiting.length >= unitsWaitingMax)
      return Promise.reject(new AppError('overloaded', 'Too many writes are waiting.'))
    return new Promise((resolve, reject) => {
      waiting.push({ unit, before, resolve, reject })
      if (travelling.length > 0 || scheduled) return
      scheduled = true
      setImmediate(dispatch)
    })
  }

  function dispatch(): void {
    scheduled = false
    if (travelling.length > 0) return
    refuseLate()
    if (waiting.length === 0) return
    travelling = waiting.length <= unitsPerBatchMax ? waiting : waiting.slice(0, unitsPerBatchMax)
    waiting = waiting.length <= unitsPerBatchMax ? [] : waiting.slice(unitsPerBatchMax)
    worker.postMessage(encode(travelling))
  }

  /** A group waits for the lock of the file as long as its timeout at most, which a deadline must leave room for. */
  function refuseLate(): void {
    const now = performance.now()
    if (waiting.every(({ before }) => now < before)) return
    const late = waiting.filter(({ before }) => now >= before)
    waiting = waiting.filter(({ before }) => now < before)
    for (const { reject } of late)
      reject(new AppError('overloaded', 'The write came too late and was not made.'))
  }

  function settle(answers: BatchAnswer): void {
    const settled = travelling
    travelling = []
    beforeAnswers()
    // The next group leaves first, so that the disk is never idle while this thread writes answers.
    dispatch()
    for (let i = 0; i < settled.length; i++) {
      const waiter = settled[i]
      if (waiter !== undefined) answer(waiter, typeof answers === 'string' ? answers : answers[i])
    }
    if (travelling.length === 0) whenIdle?.()
  }

  function encode(units: readonly Waiting[]): Batch {
    const texts: string[] = []
    const values: unknown[] = []
    const forget = statementIds.size >= statementsMax
    if (forget) statementIds.clear()
    for (const { unit } of units) {
      values.push(unit.length)
      for (const { sql, parameters, mustAffectRows } of unit) {
        let id = statementIds.get(sql)
        if (id === undefined) {
          id = statementIds.size
          statementIds.set(sql, id)
          texts.push(sql)
        }
        values.push(mustAffectRows ? -1 - id : id, parameters.length)
        for (const value of parameters) values.push(value instanceof Reference ? slotOf(value, unit) : value)
      }
    }
    return { texts, values, forget }
  }

  async function finish(): Promise<void> {
    if (travelling.length > 0 || waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      whenIdle = resolve
      await promise
    }
    if (broken !== undefined) return
    worker.postMessage(null)
    await once(worker, 'exit')
  }

  return {
    commit,
    close() {
      closing ??= finish()
      return closing
    },
  }
}

function slotOf({ statement, column, template }: Reference, unit: readonly Statement[]): Slot {
  return { step: unit.indexOf(statement), column, template }
}

const noResults: Outcome['results'] = []

function refuse({ unit, resolve, reject }: Waiting, failedStatement: number): void {
  const required = unit[failedStatement]?.mustAffectRows
  if (typeof required === 'function') reject(required())
  else resolve({ failedStatement, results: noResults })
}

function answer(waiter: Waiting, answered: UnitAnswer | string | undefined): void {
  if (typeof answered === 'number') refuse(waiter, answered)
  else if (Array.isArray(answered)) waiter.resolve({ results: answered.map(resultOf) })
  else if (typeof answered === 'string')
    waiter.reject(dependencyDown('The database cannot be written.', answered))
  else waiter.reject(new Error(answered?.error ?? 'The writer gave no answer.'))
}

const noRows: Result['rows'] = []

function resultOf(answer: StepAnswer): Result {
  return typeof answer === 'number'
    ? { rows: noRows, changes: answer }
    : { rows: answer, changes: answer.length }
}
