import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import type { PrivateEngine } from '@quintet/backends'
import type { Database } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { add, open } from './database-world.ts'
import type { Tables } from './database-world.ts'
import { until } from './testing.ts'

/** What tests of faults of SQL servers have in common. */

export const withinMs = 30_000

/** An engine that only this test uses, so that it can be stopped, killed and suspended. */
export async function startEngine(t: TestContext, name: 'postgres' | 'mysql'): Promise<PrivateEngine> {
  const engine = await startPrivateEngine(name)
  t.after(() => engine.dispose())
  return engine
}

export function faultsDatabaseOn(engine: PrivateEngine): string {
  return Object.assign(new URL(engine.url), { pathname: '/faults' }).href
}

/**
 * Commits units from 16 clients while the engine is ended and restarted several times. Then every acknowledged unit must be
 * there, none that was refused as not applied, and no outcome may be another than these.
 */
export async function interruptUnderLoad(
  t: TestContext,
  engine: PrivateEngine,
  interruptions: readonly (() => Promise<void>)[],
): Promise<void> {
  const database = await open(t, faultsDatabaseOn(engine))
  const outcomes = new Map<string, string>()
  let stopped = false
  const client = async (name: string) => {
    for (let i = 0; !stopped; i++) {
      const outcome = await commitPair(database, `${name}-${i}`)
      outcomes.set(`${name}-${i}`, outcome)
      if (outcome !== 'done') await pause(5)
    }
  }
  const load = Promise.all(Array.from({ length: 16 }, (_, i) => client(`c${i}`)))
  for (const interrupt of interruptions) {
    await untilMoreDone(outcomes, 200)
    await interrupt()
    await until(() => idsOf(outcomes, 'done').length < outcomes.size, withinMs)
    await engine.restart()
  }
  await untilMoreDone(outcomes, 200)
  stopped = true
  await load
  const rows = await database.query.selectFrom('account').select('id').execute()
  const stored = new Set(rows.map(({ id }) => id))
  const lost = idsOf(outcomes, 'done').filter((id) => !stored.has(id) || !stored.has(`${id}+`))
  t.assert.deepEqual(lost, [], 'acknowledged and lost')
  const applied = idsOf(outcomes, 'dependency_down').filter((id) => stored.has(id))
  t.assert.deepEqual(applied, [], 'refused as not applied, and applied')
  const expected = new Set(['done', 'dependency_down', 'outcome_unknown'])
  t.assert.deepEqual([...new Set(outcomes.values()).difference(expected)], [])
}

/** Adds two accounts in one unit. */
export function commitPair(database: Database<Tables>, id: string): Promise<string> {
  return commitOf(() =>
    database.commit([add(database.query, id).compile(), add(database.query, `${id}+`).compile()]),
  )
}

/** `done`, or the code of the error. */
export async function commitOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
}

/** A statement that adds 1 to the balance of an account. */
export function raised({ query }: Database<Tables>, id: string) {
  return query
    .updateTable('account')
    .set((row) => ({ balance: row('balance', '+', 1) }))
    .where('id', '=', id)
    .compile()
}

function idsOf(outcomes: ReadonlyMap<string, string>, expected: string): string[] {
  return [...outcomes].filter(([, outcome]) => outcome === expected).map(([id]) => id)
}

async function untilMoreDone(outcomes: ReadonlyMap<string, string>, count: number): Promise<void> {
  const before = idsOf(outcomes, 'done').length
  await until(() => idsOf(outcomes, 'done').length > before + count, withinMs)
}
