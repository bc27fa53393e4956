import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import type { MovieTables } from '../src/movie-tables.ts'
import { createTitleSearch } from '../src/title-search.ts'
import { migrations } from './world.ts'

const rowsPerStep = 250
const count = 1_100

/** A search of many movies, every seventh of which is missing, in an embedded database; and the log of its reads and of turns of the event loop. */
async function createSearch(
  t: TestContext,
  afterStep = async (_add: (ids: readonly number[]) => Promise<void>) => {},
) {
  const database = await openDatabase<MovieTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const ids = Array.from({ length: count }, (_, i) => i + 1).filter((id) => id % 7 > 0)
  const add = async (added: readonly number[]): Promise<void> => {
    await database.commit(
      added.map((id) => ({
        sql: "insert into movies (id, title, title_key, keyed_version, description) values (?, ?, ?, 1, '')",
        parameters: [id, titleOf(id), titleOf(id)],
      })),
    )
  }
  await add(ids)
  const log: ('compare' | 'turn')[] = []
  const search = createTitleSearch({
    ...database,
    async read(query) {
      if (query.sql.includes('like')) log.push('compare')
      const rows = await database.read(query)
      if (query.sql.includes('count(')) await afterStep(add)
      return rows
    },
  })
  let next = setImmediate(function turn() {
    log.push('turn')
    next = setImmediate(turn)
  })
  t.after(() => clearImmediate(next))
  return { search, ids, log }
}

const titleOf = (id: number) => `movie ${id % 3 === 0 ? 'fizz' : 'plain'}${id > 900 ? ' late' : ''}`
const compared = (log: readonly string[]) => log.filter((one) => one === 'compare').length

test('A search gives the same pages whatever its steps', async (t) => {
  const { search, ids } = await createSearch(t)
  for (const text of ['fizz', 'late', 'nothing', ''])
    for (const limit of [1, 20, rowsPerStep, 1_000])
      for (const after of [0, 1, 249, 250, 251, 899, count - 1, count, Number.MAX_SAFE_INTEGER]) {
        const found = await search({ after, limit }, text)
        const expected = ids.filter((id) => id > after && titleOf(id).includes(text)).slice(0, limit)
        assert.deepEqual(
          found.map(({ id }) => id),
          expected,
          `${text} after ${after}, ${limit}`,
        )
      }
})

test('All searches together compare the titles of one step in a turn of the event loop', async (t) => {
  const { search, ids, log } = await createSearch(t)
  await Promise.all(Array.from({ length: 5 }, () => search({ after: 0, limit: 20 }, 'nothing')))
  assert.equal(compared(log), 5 * Math.ceil(ids.length / rowsPerStep))
  for (const turn of log.join(' ').split('turn')) assert.ok(turn.split('compare').length <= 2, turn)
})

test('The last step compares no titles that are added after its beginning', async (t) => {
  const added = Array.from({ length: 300 }, (_, i) => count + i + 1)
  const { search, ids } = await createSearch(t, (add) => add(added))
  const found = await search({ after: count - 10, limit: 1_000 }, 'movie')
  assert.deepEqual(
    found.map(({ id }) => id),
    ids.filter((id) => id > count - 10),
  )
})

test('A search ends with the step that fills its page', async (t) => {
  const { search, log } = await createSearch(t)
  await search({ after: 0, limit: 20 }, 'fizz')
  assert.equal(compared(log), 1)
})
