import type { PendingUnit } from '../pending-unit.ts'
import type { Outcome } from '../port.ts'
import { Reference, valuePlaceholder } from '../reference.ts'
import { createServerClock } from '../server/server-clock.ts'
import { batchStatement } from './batch-statement.ts'
import { parameterTypes, runQuery } from './connection.ts'
import type { PostgresClient } from './connection.ts'
import { classifyError } from './error-class.ts'
import { isFromUnit } from './shape.ts'
import type { Shape } from './shape.ts'
import { arrayOf } from './sql-text.ts'
import { sqlPlaceholder, unitFunction } from './unit-function.ts'
import { outcomeOfOnes, parseUnitResult } from './unit-result.ts'

const shapesMax = 500
const functionsPerConnectionMax = 200

/** Executes many units of one shape with one query, by a statement or a function that is made once per connection. */
type ShapeExecution = {
  execute(
    client: PostgresClient,
    shape: Shape,
    units: readonly PendingUnit[],
  ): Promise<(Outcome | Error | undefined)[]>
  /** The same for one unit, which may wait longer for a lock. */
  executeOne(client: PostgresClient, shape: Shape, unit: PendingUnit): Promise<Outcome | Error | undefined>
}

export function createShapeExecution(): ShapeExecution {
  const clock = createServerClock<PostgresClient>({ read: readClock, connectionOf: (client) => client })
  /** Those that were created on a connection, oldest first. */
  const functions = new WeakMap<PostgresClient, Set<number>>()
  const types = new Map<string, readonly string[]>()
  /** By shape; undefined where there is none, or where a unit has failed by it. */
  const statements = new Map<number, string | undefined>()

  async function stepTypesOf(client: PostgresClient, { steps }: Shape): Promise<(readonly string[])[]> {
    const found = []
    for (const { sql } of steps) found.push(await typesOf(client, sql))
    return found
  }

  async function typesOf(client: PostgresClient, sql: string): Promise<readonly string[]> {
    const known = types.get(sql)
    if (known !== undefined) return known
    const found = await parameterTypes(client, sql)
    if (types.size >= shapesMax) types.clear()
    types.set(sql, found)
    return found
  }

  async function createFunction(client: PostgresClient, shape: Shape): Promise<void> {
    const created = functions.get(client) ?? new Set()
    functions.set(client, created)
    if (created.has(shape.id)) return
    const [oldest] = created
    if (created.size >= functionsPerConnectionMax && oldest !== undefined) {
      await runQuery(client, { text: `drop function pg_temp.q_${oldest}` })
      created.delete(oldest)
    }
    await runQuery(client, { text: unitFunction(`q_${shape.id}`, shape, await stepTypesOf(client, shape)) })
    created.add(shape.id)
  }

  /** Undefined, and nothing applied, where the shape has no statement or not all units succeeded. */
  async function executeStatement(
    client: PostgresClient,
    shape: Shape,
    units: readonly PendingUnit[],
  ): Promise<Outcome[] | undefined> {
    if (!statements.has(shape.id)) {
      if (statements.size >= shapesMax) statements.clear()
      statements.set(shape.id, batchStatement(shape, await stepTypesOf(client, shape)))
    }
    const text = statements.get(shape.id)
    if (text === undefined) return undefined
    try {
      await runQuery(client, { name: `s_${shape.id}`, text, values: valuesOf(shape, units) })
    } catch (error) {
      if (classifyError(error) !== 'invalid') throw error
      // Where one fails others will, and the server would log each.
      statements.set(shape.id, undefined)
      return undefined
    }
    const outcome = outcomeOfOnes(shape.steps.length)
    return units.map(() => outcome)
  }

  async function executeFunction(
    client: PostgresClient,
    shape: Shape,
    units: readonly PendingUnit[],
    isIndividual: boolean,
  ): Promise<(Outcome | Error | undefined)[]> {
    await createFunction(client, shape)
    const values: unknown[] = [units.length, isIndividual]
    if (shape.hasDeadline) {
      const offsetMs = await clock.offsetMs(client)
      values.push(arrayOf(units.map(({ before }) => (before + offsetMs) / 1_000)))
    }
    values.push(...valuesOf(shape, units))
    const { rows } = await runQuery<[string]>(client, {
      name: `q_${shape.id}`,
      text: `select * from pg_temp.q_${shape.id}(${values.map((_, i) => `$${i + 1}`).join(', ')})`,
      values,
      rowMode: 'array',
    })
    const results = rows.map(([text]) => parseUnitResult(text))
    const [ofAll] = results
    return ofAll !== undefined && results.length === 1 ? units.map(() => ofAll) : results
  }

  return {
    async execute(client, shape, units) {
      return (
        (await executeStatement(client, shape, units)) ?? (await executeFunction(client, shape, units, false))
      )
    },
    executeOne: async (client, shape, unit) => (await executeFunction(client, shape, [unit], true))[0],
  }
}

/** An array for each value that the units bring, in the order of the function's arguments. */
function valuesOf({ steps }: Shape, units: readonly PendingUnit[]): unknown[] {
  const arrays: unknown[] = []
  for (const [step, { parameters }] of steps.entries())
    for (const [at, source] of parameters.entries())
      if (isFromUnit(source))
        arrays.push(arrayOf(units.map(({ unit }) => sqlValue(unit[step]?.parameters[at]))))
  return arrays
}

function sqlValue(value: unknown): unknown {
  return value instanceof Reference ? value.template.replaceAll(valuePlaceholder, sqlPlaceholder) : value
}

async function readClock(client: PostgresClient): Promise<number> {
  const { rows } = await runQuery<{ now: number }>(client, {
    name: 'q_clock',
    text: 'select (extract(epoch from clock_timestamp()) * 1000)::double precision as now',
  })
  return rows[0]?.now ?? Number.NaN
}
