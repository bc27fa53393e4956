import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { canonicalCaselessKey, openDatabase } from '@quintet/chassis/database'
import type { MovieTables } from '../src/movie-tables.ts'
import { createTitleSearch } from '../src/title-search.ts'
import { migrations } from './world.ts'

type Titles = ReadonlyMap<number, string>

/** A search of movies with these titles by their ids, in an embedded database. `add` adds more, and `compared` is how many steps there were. */
async function createSearch(t: TestContext, titles: Titles, description = '') {
  const database = await openDatabase<MovieTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  let compared = 0
  let afterMeasure = async () => {}
  const add = async (added: Titles): Promise<void> => {
    await database.commit(
      [...added].map(([id, title]) => ({
        sql: 'insert into movies (id, title, title_key, description) values (?, ?, ?, ?)',
        parameters: [id, title, canonicalCaselessKey(title), description],
      })),
    )
  }
  await add(titles)
  const search = createTitleSearch({
    ...database,
    async read(query) {
      if (query.sql.includes('instr')) compared += 1
      const rows = await database.read(query)
      if (query.sql.includes('count(')) await afterMeasure()
      return rows
    },
  })

  /** The ids that the steps of a search find, up to the limit, and how many they were. */
  async function find(text: string, { after, limit }: { after: number; limit: number }) {
    compared = 0
    const ids: number[] = []
    for (let from: number | undefined = after; from !== undefined && ids.length < limit; ) {
      const step = { after: from, limit: limit - ids.length, bytesMax: 65_536 }
      const { rows, reached } = await search(step, text)
      assert.ok(reached === undefined || reached >= from)
      ids.push(...rows.map(({ id }) => id))
      from = reached
    }
    return { ids, compared }
  }

  return { search, find, add, onMeasure: (callback: () => Promise<void>) => (afterMeasure = callback) }
}

const count = 1_300
const titleOf = (id: number) => `Movie ${id % 3 === 0 ? 'fizz' : 'plain'}${id > 900 ? ' late' : ''}`
/** Every seventh id is missing. */
const movies: Titles = new Map(
  Array.from({ length: count }, (_, i) => i + 1)
    .filter((id) => id % 7 > 0)
    .map((id) => [id, titleOf(id)]),
)

test('A search gives the same pages whatever its steps', async (t) => {
  const { find } = await createSearch(t, movies)
  for (const text of ['FIZZ', 'late', 'nothing', '', '%', 'e_l'])
    for (const limit of [1, 20, 512, 1_000])
      for (const after of [0, 1, 511, 512, 513, 899, count - 1, count, Number.MAX_SAFE_INTEGER]) {
        const { ids } = await find(text, { after, limit })
        const expected = [...movies.keys()].filter(
          (id) => id > after && titleOf(id).toLowerCase().includes(text.toLowerCase()),
        )
        assert.deepEqual(ids, expected.slice(0, limit), `${text} after ${after}, ${limit}`)
      }
})

test('The last step compares no titles that are added after its beginning', async (t) => {
  const { find, add, onMeasure } = await createSearch(t, movies)
  const added = Array.from({ length: 300 }, (_, i) => [count + i + 1, 'movie'] as const)
  onMeasure(() => {
    onMeasure(async () => {})
    return add(new Map(added))
  })
  const { ids } = await find('movie', { after: count - 10, limit: 1_000 })
  assert.deepEqual(
    ids,
    [...movies.keys()].filter((id) => id > count - 10),
  )
})

test('A search ends with the step that fills its page', async (t) => {
  const { find } = await createSearch(t, movies)
  assert.equal((await find('fizz', { after: 0, limit: 20 })).compared, 1)
})

test('A step compares fewer movies the larger they are', async (t) => {
  const titles = new Map(Array.from({ length: 512 }, (_, i) => [i + 1, titleOf(i + 1)]))
  for (const [description, steps] of [
    ['', 1],
    ['x'.repeat(10_000), 8],
    ['語'.repeat(10_000), 16],
  ] as const) {
    const { find } = await createSearch(t, titles, description)
    const { compared } = await find('nothing', { after: 0, limit: 20 })
    assert.ok(compared >= steps && compared <= 2 * steps, `${description.length}: ${compared}`)
  }
})

const unkind = {
  'Hangul, whose keys are three times as long': ['각', '갂'],
  'Greek with diacritics': ['ᾂ', 'ω'],
  Latin: ['a', 'b'],
} as const

for (const [name, [letter, other]] of Object.entries(unkind))
  test(`A step takes a few milliseconds where each title nearly contains the text at every place: ${name}`, async (t) => {
    const titles = new Map(Array.from({ length: 512 }, (_, i) => [i + 1, letter.repeat(256)]))
    const { search, find } = await createSearch(t, titles)
    const text = `${letter.repeat(127)}${other}`
    await find(text, { after: 0, limit: 1 })
    const rounds = 20
    const before = process.threadCpuUsage()
    for (let round = 0; round < rounds; round += 1)
      assert.deepEqual((await search({ after: 0, limit: 100, bytesMax: 65_536 }, text)).rows, [])
    // The time of this thread, since others use the processor too.
    const { user, system } = process.threadCpuUsage(before)
    const stepMs = (user + system) / 1_000 / rounds
    assert.ok(stepMs < 10, `${stepMs} ms`)
  })
