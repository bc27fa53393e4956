import type { Deadline } from '../../clock/index.ts'
import { exponentialBackoffMs } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { checkValue } from '../server/bound-values.ts'
import { createBatcher } from '../../concurrency/batcher.ts'
import type { Batcher } from '../../concurrency/batcher.ts'
import { commitError } from '../server/error-class.ts'
import type { ErrorClass } from '../server/error-class.ts'
import type { Outcome, Result, Row, Statement } from '../port.ts'
import { runQuery, isTimeout, classifyError, classifyState, parameterTypes } from './connection.ts'
import type { PostgresClient, PostgresConnection } from './connection.ts'
import { functionText, isLate, isUnreferable, statementForAll, stepsOf, wirePlaceholder } from './shape.ts'
import type { Shape, UnitAnswer } from './shape.ts'
import { arrayOf } from './sql-text.ts'
import { valuePlaceholder, Reference } from '../reference.ts'

/** While the server waits for its disk for one, another can be worked on. */
const batcherLimits = { batchesInFlightMax: 2, batchSizeMax: 256 }
const unitsWaitingMax = 20_000
/** A shape that has been seen so often is worth a function, which costs a hundred statements to make. */
const usesForFunction = 3
const shapesMax = 500
const functionsPerConnectionMax = 200
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

type Lone = { readonly shape: Shape; readonly waiting: Waiting }

type Lane = { readonly shape: Shape; readonly batcher: Batcher<Waiting>; uses: number }

/**
 * Units of one shape that arrive together, or while the ones before are on their way, travel as one call
 * of the server: one round trip and one wait for the disk for all of them, with an outcome for each. A lone unit
 * waits for nobody, and units of different shapes do not wait for each other.
 */
export function createUnits(link: PostgresConnection): {
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  close(): Promise<void>
} {
  const shapeCalls = createShapeCalls()
  const texts = new Map<string, number>()
  let lanes = new Map<string, Lane>()
  const lone: Lone[] = []
  let loneTravelling = 0
  let waitingCount = 0
  let closed = false
  let whenIdle: (() => void) | undefined

  function laneOf(unit: readonly Statement[], hasDeadline: boolean): Lane {
    let key = hasDeadline ? 'f' : ''
    for (const { sql, parameters, mustAffectRows } of unit) {
      let id = texts.get(sql)
      if (id === undefined) {
        id = texts.size
        texts.set(sql, id)
      }
      key += mustAffectRows ? `!${id}` : `,${id}`
      for (const value of parameters)
        if (value instanceof Reference)
          key += `:${unit.indexOf(value.statement)}.${value.column}${value.template === valuePlaceholder ? '' : '*'}`
    }
    const known = lanes.get(key)
    if (known !== undefined) return known
    if (lanes.size >= shapesMax) forget()
    const shape = { id: shapeCalls.nextId(), steps: stepsOf(unit), hasDeadline }
    const lane: Lane = { shape, batcher: createBatcher((batch) => run(lane, batch), batcherLimits), uses: 0 }
    lanes.set(key, lane)
    return lane
  }

  /** Built queries differ without end; those in use come back at once. */
  function forget(): void {
    texts.clear()
    lanes = new Map()
  }

  async function run(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    lane.uses += batch.length
    const together = lane.shape.hasDeadline || lane.uses >= usesForFunction
    const rest = together ? await runBatch(lane.shape, batch) : batch
    waitingCount -= batch.length - rest.length
    for (const waiting of rest) startAlone({ shape: lane.shape, waiting })
    if (waitingCount === 0) whenIdle?.()
  }

  /** Settles the units, and gives those that are to be run each by itself. */
  async function runBatch(shape: Shape, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    try {
      const answers = await link.use((client) => shapeCalls.call(client, shape, batch))
      return batch.filter((waiting, i) => settle(waiting, answers[i]))
    } catch (error) {
      // The fault is of one of them, and it is not told of which: by itself each gets what it deserves.
      const isOfOne =
        classifyError(error) === 'invalid' || classifyError(error) === 'retryable' || isTimeout(error)
      if (isOfOne && batch.length > 1) return batch
      return batch.filter((waiting) => fail(waiting, error))
    }
  }

  function startAlone(one: Lone): void {
    lone.push(one)
    dispatchAlone()
  }

  function dispatchAlone(): void {
    if (loneTravelling >= aloneAtOnceMax) return
    const one = lone.shift()
    if (one === undefined) return
    loneTravelling += 1
    void judgeAlone(one).then((again) => {
      loneTravelling -= 1
      if (again) setTimeout(startAlone, exponentialBackoffMs(one.waiting.tries) / 10, one)
      else waitingCount -= 1
      dispatchAlone()
      if (waitingCount === 0) whenIdle?.()
    })
  }

  /** Settles the unit; true when it is to be tried again. */
  async function judgeAlone({ shape, waiting }: Lone): Promise<boolean> {
    try {
      return settle(waiting, await runAlone(shape, waiting))
    } catch (error) {
      return fail(waiting, error)
    }
  }

  /** What must be judged by the server's clock needs a function for that. */
  function runAlone(shape: Shape, waiting: Waiting): Promise<UnitAnswer | undefined> {
    return link.use(async (client) =>
      shape.hasDeadline
        ? (await shapeCalls.call(client, shape, [waiting]))[0]
        : runPlainly(client, shape, waiting.unit),
    )
  }

  return {
    commit(unit, { before = Number.POSITIVE_INFINITY } = {}) {
      if (closed) return Promise.reject(dependencyDown('The database is closed.'))
      if (unit.length === 0) return Promise.resolve({ results: [] })
      if (waitingCount >= unitsWaitingMax)
        return Promise.reject(new AppError('overloaded', 'Too many writes are waiting.'))
      return new Promise((resolve, reject) => {
        for (const { parameters } of unit)
          for (const value of parameters) if (!(value instanceof Reference)) checkValue(value)
        // A unit that refers to what is not there fails here, and counts for nothing.
        const lane = laneOf(unit, Number.isFinite(before))
        waitingCount += 1
        lane.batcher.add({ unit, before, tries: 1, resolve, reject })
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

/** Tells the unit its outcome; true when it is to be tried again. */
function settle(waiting: Waiting, answer: UnitAnswer | undefined): boolean {
  if (typeof answer === 'number') {
    const required = waiting.unit[answer]?.mustAffectRows
    if (typeof required === 'function') waiting.reject(required())
    else waiting.resolve({ failedStatement: answer, results: noResults })
  } else if (Array.isArray(answer)) waiting.resolve(outcomeOf(answer))
  else if (answer === undefined) waiting.reject(new Error('The database gave no answer.'))
  else if (isLate(answer))
    waiting.reject(new AppError('overloaded', 'The write came too late and was not made.'))
  else if (isUnreferable(answer))
    waiting.reject(new TypeError('A statement refers to a row that none before it returned.'))
  else return failBy(waiting, classifyState(answer.state), new Error(answer.message))
  return false
}

function fail(waiting: Waiting, error: unknown): boolean {
  if (error instanceof AppError || error instanceof TypeError) {
    waiting.reject(error)
    return false
  }
  return failBy(waiting, classifyError(error), error)
}

function failBy(waiting: Waiting, failure: ErrorClass, cause: unknown): boolean {
  if (failure === 'retryable' && waiting.tries < triesMax) {
    waiting.tries += 1
    return true
  }
  waiting.reject(commitError(failure, cause))
  return false
}

const noResults: readonly Result[] = []
const noRows: readonly Row[] = []

function outcomeOf(answer: (number | Row[])[]): Outcome {
  return {
    results: answer.map((result) =>
      typeof result === 'number'
        ? { rows: noRows, changes: result }
        : { rows: result, changes: result.length },
    ),
  }
}

type ShapeCalls = {
  nextId(): number
  call(client: PostgresClient, shape: Shape, batch: readonly Waiting[]): Promise<UnitAnswer[]>
}

/** What is known of a connection: the functions that were made on it, oldest first, and the time that it told. */
type Session = { readonly functions: Map<number, true>; clock: { at: number; aheadMs: number } | undefined }

function createShapeCalls(): ShapeCalls {
  const sessions = new WeakMap<PostgresClient, Session>()
  const types = new Map<string, readonly string[]>()
  /** By shape; undefined for those that have no such statement, or of which a unit has been refused. */
  const statementsForAll = new Map<number, string | undefined>()
  let ids = 0

  function sessionOf(client: PostgresClient): Session {
    const known = sessions.get(client)
    if (known !== undefined) return known
    const session: Session = { functions: new Map(), clock: undefined }
    sessions.set(client, session)
    return session
  }

  async function typesOf(client: PostgresClient, sql: string): Promise<readonly string[]> {
    const known = types.get(sql)
    if (known !== undefined) return known
    const found = await parameterTypes(client, sql)
    if (types.size >= shapesMax) types.clear()
    types.set(sql, found)
    return found
  }

  async function makeFunction(client: PostgresClient, session: Session, shape: Shape): Promise<void> {
    if (session.functions.has(shape.id)) return
    const [oldest] = session.functions.keys()
    if (session.functions.size >= functionsPerConnectionMax && oldest !== undefined) {
      await runQuery(client, { text: `drop function pg_temp.q_${oldest}` })
      session.functions.delete(oldest)
    }
    await runQuery(client, { text: functionText(`q_${shape.id}`, shape, await stepTypesOf(client, shape)) })
    session.functions.set(shape.id, true)
  }

  async function stepTypesOf(client: PostgresClient, { steps }: Shape): Promise<(readonly string[])[]> {
    const found = []
    for (const { sql } of steps) found.push(await typesOf(client, sql))
    return found
  }

  /** The answers, where all the units fare well; undefined where that is not sure, and nothing was done then. */
  async function callForAll(
    client: PostgresClient,
    shape: Shape,
    batch: readonly Waiting[],
  ): Promise<UnitAnswer[] | undefined> {
    if (!statementsForAll.has(shape.id)) {
      if (statementsForAll.size >= shapesMax) statementsForAll.clear()
      statementsForAll.set(shape.id, statementForAll(shape, await stepTypesOf(client, shape)))
    }
    const text = statementsForAll.get(shape.id)
    if (text === undefined) return undefined
    try {
      await runQuery(client, { name: `s_${shape.id}`, text, values: argumentsOf(shape, batch) })
    } catch (error) {
      if (classifyError(error) !== 'invalid') throw error
      // Where one is refused others will be, and each would be told to the server's log.
      statementsForAll.set(shape.id, undefined)
      return undefined
    }
    const answer = shape.steps.map(() => 1)
    return batch.map(() => answer)
  }

  return {
    nextId: () => ++ids,
    async call(client, shape, batch) {
      const answers = await callForAll(client, shape, batch)
      if (answers !== undefined) return answers
      const session = sessionOf(client)
      await makeFunction(client, session, shape)
      const values: unknown[] = [batch.length]
      if (shape.hasDeadline) {
        const aheadMs = await aheadOf(client, session)
        values.push(arrayOf(batch.map(({ before }) => (before + aheadMs) / 1_000)))
      }
      values.push(...argumentsOf(shape, batch))
      const { rows } = await runQuery<[string]>(client, {
        name: `q_${shape.id}`,
        text: `select * from pg_temp.q_${shape.id}(${values.map((_, i) => `$${i + 1}`).join(', ')})`,
        values,
        rowMode: 'array',
      })
      const told = rows.map(([text]) => parseAnswer(text))
      const [ofAll] = told
      return ofAll !== undefined && told.length === 1 ? batch.map(() => ofAll) : told
    },
  }

  async function aheadOf(client: PostgresClient, session: Session): Promise<number> {
    const { clock } = session
    if (clock !== undefined && performance.now() - clock.at < clockKeptMs) return clock.aheadMs
    const read = await readClock(client)
    session.clock = read
    return read.aheadMs
  }
}

/**
 * How far the server's clock is ahead of `performance.now()`, in milliseconds, at the least: it told its time before this
 * process read its own.
 */
async function readClock(client: PostgresClient): Promise<{ at: number; aheadMs: number }> {
  const { rows } = await runQuery<{ now: number }>(client, {
    name: 'q_clock',
    text: 'select (extract(epoch from clock_timestamp()) * 1000)::double precision as now',
  })
  const at = performance.now()
  return { at, aheadMs: (rows[0]?.now ?? Number.NaN) - at }
}

/** An array for each value that comes with a unit, in the order of the function's arguments. */
function argumentsOf({ steps }: Shape, batch: readonly Waiting[]): unknown[] {
  const all: unknown[] = []
  for (const [step, { slots }] of steps.entries())
    for (const [at, slot] of slots.entries())
      if (slot.from === 'unit' || slot.within)
        all.push(arrayOf(batch.map(({ unit }) => travelling(unit[step]?.parameters[at]))))
  return all
}

function travelling(value: unknown): unknown {
  return value instanceof Reference ? value.template.replaceAll(valuePlaceholder, wirePlaceholder) : value
}

/** Most units of a shape tell the same, word for word. */
const answersKept = new Map<string, UnitAnswer>()

function parseAnswer(text: string): UnitAnswer {
  const kept = answersKept.get(text)
  if (kept !== undefined) return kept
  const answer: UnitAnswer = unsafeDigits.test(text) ? JSON.parse(text, reviveExactly) : JSON.parse(text)
  if (text.length < 16 && answersKept.size < 1_000) answersKept.set(text, answer)
  return answer
}

/** Where a number may be too large for the language's own. */
const unsafeDigits = /\d{16}/

function reviveExactly(_: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isUnsafe = typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source)
  return isUnsafe && !Number.isSafeInteger(value) ? BigInt(source) : value
}

/** Without a function: a statement after the other, in a transaction where there are several. */
async function runPlainly(
  client: PostgresClient,
  { steps }: Shape,
  unit: readonly Statement[],
): Promise<UnitAnswer> {
  if (steps.length === 1) return runSteps(client, steps, unit)
  await runQuery(client, { text: 'begin' })
  try {
    const answer = await runSteps(client, steps, unit)
    await runQuery(client, { text: typeof answer === 'number' ? 'rollback' : 'commit' })
    return answer
  } catch (error) {
    await runQuery(client, { text: 'rollback' }).catch(() => {})
    throw error
  }
}

async function runSteps(
  client: PostgresClient,
  steps: Shape['steps'],
  unit: readonly Statement[],
): Promise<UnitAnswer> {
  const results: (number | Row[])[] = []
  for (const [index, { sql, mustAffectRows, returnsRows }] of steps.entries()) {
    const values = (unit[index]?.parameters ?? []).map((value) => referredValue(value, unit, results))
    const { rows, rowCount } = await runQuery<Row>(client, { text: sql, values })
    const result = returnsRows ? rows : (rowCount ?? 0)
    if (mustAffectRows && (typeof result === 'number' ? result : result.length) === 0) return index
    results.push(result)
  }
  return results
}

function referredValue(
  value: unknown,
  unit: readonly Statement[],
  results: readonly (number | Row[])[],
): unknown {
  if (!(value instanceof Reference)) return value
  const rows = results[unit.indexOf(value.statement)]
  const referred = Array.isArray(rows) ? rows[0]?.[value.column] : undefined
  if (referred === undefined)
    throw new TypeError(`No statement before returned a ${value.column} to refer to.`)
  return value.template === valuePlaceholder
    ? referred
    : value.template.replaceAll(valuePlaceholder, String(referred))
}
