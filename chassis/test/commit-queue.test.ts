import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { returnedBy } from '@quintet/chassis/database'
import type { Outcome, Statement } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { createCommitQueue } from '../src/database/server/commit-queue.ts'
import type { CommitEngine, UnitResult } from '../src/database/server/commit-queue.ts'
import type { PendingUnit } from '../src/database/pending-unit.ts'
import type { ErrorClass } from '../src/database/server/error-class.ts'

class Failure extends Error {
  readonly errorClass: ErrorClass

  constructor(errorClass: ErrorClass) {
    super(errorClass)
    this.errorClass = errorClass
  }
}

/** An engine in memory, whose shape is the texts of the first unit. It executes by `batch` and `one` and records what it was given. */
function createWorld({ batch, one }: Partial<Executors> = {}) {
  const batches: string[] = []
  const individuals: string[] = []
  const execute = (shape: string, { unit }: PendingUnit): UnitResult =>
    shape === textsOf(unit) ? done(unit) : new Error(`${textsOf(unit)} was executed as ${shape}`)
  const engine: CommitEngine<string> = {
    batches: { batchesInFlightMax: 2, batchSizeMax: 100 },
    shapeOf: (unit) => textsOf(unit),
    async executeBatch(shape, units) {
      batches.push(units.map(({ unit }) => nameOf(unit)).join(' '))
      return batch?.(units) ?? units.map((unit) => execute(shape, unit))
    },
    async executeOne(shape, unit) {
      individuals.push(nameOf(unit.unit))
      return one?.(unit) ?? execute(shape, unit)
    },
    classifyError: (error) => (error instanceof Failure ? error.errorClass : 'ambiguous'),
    isTimeout: () => false,
  }
  return { queue: createCommitQueue(engine), batches, individuals }
}

type Executors = {
  batch: (units: readonly PendingUnit[]) => UnitResult[] | undefined
  one: (unit: PendingUnit) => UnitResult
}

const textsOf = (unit: readonly Statement[]) => unit.map(({ sql }) => sql).join(';')
const nameOf = (unit: readonly Statement[]) => String(unit[0]?.parameters[0])
const done = (unit: readonly Statement[]): Outcome => ({
  results: unit.map(({ parameters }) => ({ rows: [{ parameters }], changes: 1 })),
})
const add = (name: string, text = 'add'): Statement => ({ sql: text, parameters: [name] })
const codeOf = (committing: Promise<unknown>) =>
  committing.then(
    () => 'done',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )
const raise = (errorClass: ErrorClass) => () => {
  throw new Failure(errorClass)
}

test('units of one shape that arrive together are one batch, and each has its own outcome', async (t: TestContext) => {
  const { queue, batches, individuals } = createWorld()
  const outcomes = await Promise.all(['a', 'b', 'c'].map((name) => queue.commit([add(name)])))
  t.assert.deepEqual(batches, ['a b c'])
  t.assert.deepEqual(individuals, [])
  t.assert.deepEqual(
    outcomes.map(({ results }) => results[0]?.rows[0]?.parameters),
    [['a'], ['b'], ['c']],
  )
})

test('units differ in shape by their texts, by what must affect rows, by a deadline and by what they refer to', async (t: TestContext) => {
  const { queue, batches } = createWorld()
  const first = add('first')
  await Promise.all([
    queue.commit([add('a')]),
    queue.commit([add('b', 'remove')]),
    queue.commit([{ ...add('c'), mustAffectRows: true }]),
    queue.commit([add('d')], { before: performance.now() + 60_000 }),
    queue.commit([first, { sql: 'add', parameters: ['e'] }]),
    queue.commit([first, { sql: 'add', parameters: [returnedBy(first, 'id')] }]),
    queue.commit([first, { sql: 'add', parameters: [returnedBy(first, 'name')] }]),
  ])
  t.assert.equal(batches.length, 7)
})

test('a batch that fails by what may be the fault of one unit is executed again, each unit individually', async (t: TestContext) => {
  for (const errorClass of ['invalid', 'retryable'] as const) {
    const { queue, individuals } = createWorld({ batch: raise(errorClass) })
    const outcomes = ['a', 'b'].map((name) => codeOf(queue.commit([add(name)])))
    t.assert.deepEqual(await Promise.all(outcomes), ['done', 'done'])
    t.assert.deepEqual(individuals, ['a', 'b'])
  }
})

test('a batch that fails as a whole fails each of its units, and is not executed again', async (t: TestContext) => {
  for (const [errorClass, code] of [
    ['ambiguous', 'outcome_unknown'],
    ['not_applied', 'dependency_down'],
  ] as const) {
    const { queue, individuals } = createWorld({ batch: raise(errorClass) })
    const outcomes = ['a', 'b'].map((name) => codeOf(queue.commit([add(name)])))
    t.assert.deepEqual(await Promise.all(outcomes), [code, code])
    t.assert.deepEqual(individuals, [])
  }
})

test('a unit that fails for the moment is executed five times, and then refused as overloaded', async (t: TestContext) => {
  const { queue, individuals } = createWorld({ batch: raise('retryable'), one: raise('retryable') })
  t.assert.equal(await codeOf(queue.commit([add('a')])), 'overloaded')
  t.assert.deepEqual(individuals, ['a', 'a', 'a', 'a'])
})

test('a unit without a result fails alone', async (t: TestContext) => {
  const { queue } = createWorld({ batch: (units) => units.slice(1).map(({ unit }) => done(unit)) })
  const outcomes = ['a', 'b'].map((name) => codeOf(queue.commit([add(name)])))
  t.assert.deepEqual(await Promise.all(outcomes), [
    'done',
    'Error: The database gave no result for the unit.',
  ])
})

test('a statement that makes its own error rejects its unit with it', async (t: TestContext) => {
  const { queue } = createWorld({ batch: (units) => units.map(() => ({ failedStatement: 0, results: [] })) })
  const unit = [{ ...add('a'), mustAffectRows: () => new RangeError('taken') }]
  await t.assert.rejects(queue.commit(unit), RangeError)
  t.assert.deepEqual(await queue.commit([{ ...add('b'), mustAffectRows: true }]), {
    failedStatement: 0,
    results: [],
  })
})

test('a unit whose deadline has passed is refused without being executed', async (t: TestContext) => {
  const { queue, batches } = createWorld()
  const outcomes = [
    codeOf(queue.commit([add('late')], { before: performance.now() - 1 })),
    codeOf(queue.commit([add('in time')], { before: performance.now() + 60_000 })),
  ]
  t.assert.deepEqual(await Promise.all(outcomes), ['overloaded', 'done'])
  t.assert.deepEqual(batches, ['in time'])
})

test('however many shapes there are, each unit is executed as its own', async (t: TestContext) => {
  const { queue } = createWorld()
  // One text for each unit up to the bound of shapes, then two, so that the numbers of forgotten texts are used again.
  for (let i = 0; i < 501; i++) await queue.commit([add(`${i}`, `text ${i}`)])
  for (let i = 0; i < 250; i++) await queue.commit([add(`${i}`, `first ${i}`), add(`${i}`, `second ${i}`)])
  for (let i = 0; i < 10; i++) t.assert.equal(await codeOf(queue.commit([add(`${i}`, `new ${i}`)])), 'done')
})

test('closing waits for what is pending and refuses what comes after', async (t: TestContext) => {
  const released = Promise.withResolvers<void>()
  const { queue } = createWorld({ batch: raise('retryable') })
  let settled = 0
  const pending = ['a', 'b'].map((name) => codeOf(queue.commit([add(name)])).then(() => settled++))
  const closing = queue.close().then(() => released.resolve())
  t.assert.equal(await codeOf(queue.commit([add('c')])), 'dependency_down')
  await closing
  await Promise.all(pending)
  t.assert.equal(settled, 2)
})
