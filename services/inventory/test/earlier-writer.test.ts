import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { createFileUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import { idsOf, searches, titles } from './title-examples.ts'
import { createWorld, migrations } from './world.ts'

type EarlierTables = {
  idempotency: { fingerprint: string }
  movies: { id?: number; title: string; description: string; version?: number }
}

/** An inventory, and the statements of an earlier version, which has no keys of titles, on the same database. */
async function besideEarlierVersion(t: TestContext) {
  const server = process.env.TEST_DATABASE
  const url = server === undefined ? createFileUrl(t) : freshDatabaseOn(server)
  await migrateDatabase(url, { migrations }, 'up')
  const world = await createWorld(t, { INVENTORY_DATABASE_URL: url, CACHE_URL: 'none:' })
  const earlier = await openDatabase<EarlierTables>(url, { migrations })
  t.after(() => earlier.close())
  return {
    ...world,
    add: (titles: readonly string[]) =>
      earlier.commit(
        titles.map((title) =>
          earlier.query.insertInto('movies').values({ title, description: '' }).compile(),
        ),
      ),
    /** As an earlier version has recorded the body of the only request with an Idempotency-Key. */
    recordBody: (body: string) =>
      earlier.commit([
        earlier.query
          .updateTable('idempotency')
          .set({ fingerprint: createHash('sha256').update(body).digest('hex') })
          .compile(),
      ]),
    rename: (id: number, title: string) =>
      earlier.commit([
        earlier.query
          .updateTable('movies')
          .set((row) => ({ title, version: row('version', '+', 1) }))
          .where('id', '=', id)
          .compile(),
      ]),
    search: async (title: string): Promise<number[]> =>
      (await world.get(`/api/movies?limit=1000&title=${encodeURIComponent(title)}`))
        .json()
        .map(({ id }: { id: number }) => id),
  }
}

test('Movies that were stored before titles had keys are found when they are migrated', async (t) => {
  const server = process.env.TEST_DATABASE
  const url = server === undefined ? createFileUrl(t) : freshDatabaseOn(server)
  await migrateDatabase(url, { migrations }, 'up')
  const first = await createWorld(t, { INVENTORY_DATABASE_URL: url })
  for (const title of titles) await first.post({ title, description: '' })
  await first.app.close()
  const reverted: string[] = []
  while (reverted.at(-1) !== '0002-add-title-key')
    reverted.push(...(await migrateDatabase(url, { migrations }, 'down')))
  assert.deepEqual(await migrateDatabase(url, { migrations }, 'up'), reverted.toReversed())
  const second = await createWorld(t, { INVENTORY_DATABASE_URL: url })
  for (const [text, expected] of searches) assert.deepEqual(await idsOf(second.get, text), expected, text)
})

test('A movie that a process of an earlier version adds during an upgrade is found by its title', async (t) => {
  const { add, search, post } = await besideEarlierVersion(t)
  await post({ title: 'Metropolis', description: '' })
  await add(['METROPOLIS II', 'ΟΔΥΣΣΕΥΣ'])
  assert.deepEqual(await search('metro'), [1, 2])
  assert.deepEqual(await search('οδυς'), [3])
})

test('A movie that a process of an earlier version renames is found by its new title alone, whatever is changed next', async (t) => {
  const { rename, search, post, put } = await besideEarlierVersion(t)
  for (const title of ['Alien', 'Brazil']) await post({ title, description: '' })
  assert.deepEqual(await search('alien'), [1])
  await rename(1, 'CASABLANCA')
  await put('/api/movies/1', { description: 'changed before any search' })
  assert.deepEqual([await search('alien'), await search('casablanca')], [[], [1]])
  await rename(2, 'DUEL')
  await put('/api/movies/2', { title: 'Excalibur' })
  assert.deepEqual([await search('duel'), await search('excalibur')], [[], [2]])
})

test('More movies than are changed at once are found', async (t) => {
  const { add, search } = await besideEarlierVersion(t)
  await add(Array.from({ length: 1_100 }, (_, i) => `Movie ${i}`))
  assert.equal((await search('movie')).length, 1_000)
  assert.deepEqual(await search('movie 1099'), [1_100])
})

test('A retry of a request that an earlier version has recorded, with its members in the order received, gets its response', async (t) => {
  const { recordBody, post } = await besideEarlierVersion(t)
  const movie = { title: 'Metropolis', description: '' }
  const key = { 'idempotency-key': 'one' }
  const first = await post(movie, key)
  await recordBody(JSON.stringify(movie))
  const again = await post(movie, key)
  assert.deepEqual([again.statusCode, again.body], [201, first.body])
  assert.equal((await post({ ...movie, title: 'Alien' }, key)).statusCode, 422)
})
