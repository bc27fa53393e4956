import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { asBigint, commitBeforeColumn, prepareQuery } from '@quintet/chassis/database'
import type { Database, Placeholders, Statement } from '@quintet/chassis/database'
import { sql } from 'kysely'
import { add, count, demanding, open } from './database-world.ts'
import type { CreateDatabaseUrl, Tables } from './database-world.ts'

/** How every SQL database limits the time at which a unit takes effect. */
export function testCommitLimits(createUrl: CreateDatabaseUrl): void {
  test('a unit that must have committed before a second that has begun changes nothing, and the statement that says so counts as the one that failed', async (t: TestContext) => {
    const database = await open(t, createUrl(t))
    for (let i = 0; i < 5; i++) {
      const { failedStatement } = await database.commit(limitedUnit(database, `late-${i}`, now()))
      t.assert.equal(failedStatement, 1)
      const outcome = await database.commit(limitedUnit(database, `early-${i}`, now() + 60))
      t.assert.equal(outcome.failedStatement, undefined)
    }
    t.assert.equal(await count(database.query), 5)
  })

  test('a limit holds also where its statement need not affect rows, alone and among others', async (t: TestContext) => {
    const database = await open(t, createUrl(t))
    const unit = (id: string, seconds: number) =>
      limitedUnit(database, id, seconds).map((statement) => ({ ...statement, mustAffectRows: false }))
    t.assert.equal((await database.commit(unit('late', now()))).failedStatement, 1)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => database.commit(unit(`${i}`, now() + (i % 2 === 0 ? -1 : 60)))),
    )
    t.assert.deepEqual(
      outcomes.map(({ failedStatement }) => failedStatement),
      outcomes.map((_, i) => (i % 2 === 0 ? 1 : undefined)),
    )
    t.assert.equal(await count(database.query), 10)
  })

  test('of units that are committed together, those that are too late change nothing, and all others take effect', async (t: TestContext) => {
    const database = await open(t, createUrl(t))
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const limit = [now() - 1, now() + 60, null][i % 3] ?? null
        return database.commit(limitedUnit(database, `${i}`, limit))
      }),
    )
    const late = outcomes.map(({ failedStatement }) => failedStatement === 1)
    t.assert.deepEqual(
      late,
      late.map((_, i) => i % 3 === 0),
    )
    t.assert.equal(await count(database.query), 40)
  })
}

const now = () => Math.floor(Date.now() / 1_000)

function limitedUnit({ query }: Database<Tables>, id: string, seconds: number | null): Statement[] {
  const limit = prepareQuery((p: Placeholders<{ seconds: number | null }>) =>
    query.selectNoFrom(asBigint(query, sql<number>`${p.seconds}`).as(commitBeforeColumn)),
  )
  return [add(query, id).compile(), demanding(limit({ seconds }))]
}
