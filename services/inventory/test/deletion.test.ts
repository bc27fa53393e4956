import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCache } from '@quintet/chassis/cache'
import { openDatabase } from '@quintet/chassis/database'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createMovieStore } from '../src/movie-store.ts'
import type { MovieTables } from '../src/movie-tables.ts'
import { migrations } from './world.ts'

for (const [kind, count, description, perUnitMax] of [
  ['small', 2_500, '', 1_000],
  ['large', 1_000, 'x'.repeat(10_000), 420],
] as const)
  test(`No unit deletes more than a bounded number of ${kind} movies, and other writes are made between them`, async (t) => {
    const database = await openDatabase<MovieTables>('sqlite::memory:', { migrations })
    t.after(() => database.close())
    const cache = await openCache('memory:', { clock: createManualClock(0) })
    t.after(() => cache.close())
    const insert = 'insert into movies (title, title_key, description) values (?, ?, ?)'
    const statements = Array.from({ length: count }, () => ({
      sql: insert,
      parameters: ['t', 't', description],
    }))
    await database.commit(statements)
    const deleted: number[] = []
    const store = createMovieStore({
      cache,
      database: {
        ...database,
        async commit(unit, deadline) {
          const outcome = await database.commit(unit, deadline)
          deleted.push(outcome.results[0]?.changes ?? 0)
          if (deleted.length === 1) await database.commit([{ sql: insert, parameters: ['between', '', ''] }])
          return outcome
        },
      },
    })
    assert.equal(await store.deleteAll(), count)
    assert.equal(
      deleted.reduce((sum, changes) => sum + changes),
      count,
    )
    assert.ok(Math.max(...deleted) <= perUnitMax, `${deleted}`)
    const titles = await database.query.selectFrom('movies').select('title').execute()
    assert.deepEqual(
      titles.map((row) => ({ ...row })),
      [{ title: 'between' }],
    )
  })
