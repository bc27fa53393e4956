import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createFileUrl, freshDatabase } from '@quintet/chassis/testing'
import { cacheByReading, checked, openByHand, untilCacheIsUsed } from '@quintet/chassis/testing/by-hand'
import { createWorld, migrations } from './world.ts'

const movie = { title: 'Metropolis', description: 'A city in two halves.' }

/** Three movies, of which the first is cached, whose rows a test may change. */
async function world(t: TestContext) {
  const fresh = await freshDatabase(migrations)
  const INVENTORY_DATABASE_URL = fresh === 'sqlite::memory:' ? createFileUrl(t) : fresh
  const CACHE_URL = process.env.TEST_CACHE ?? 'memory:'
  const world = await createWorld(t, { INVENTORY_DATABASE_URL, CACHE_URL })
  await untilCacheIsUsed(world.app, CACHE_URL)
  for (let i = 0; i < 3; i++) await world.post(movie)
  await world.put('/api/movies/1', movie)
  await cacheByReading(world.app, '/api/movies/1')
  const byHand = await openByHand(t, { url: INVENTORY_DATABASE_URL, app: world.app })
  return { byHand, check: (id: string, sampleMin?: number) => checked(world, id, sampleMin) }
}

test('A movie that is cached in another state than that of the database is found and named', async (t) => {
  const { byHand, check } = await world(t)
  assert.deepEqual(await check('cache', 3), {
    verdict: 'kept',
    found: '3 movies at random: what is read through the cache is what the database has.',
    sample: 3,
  })
  await byHand(`update movies set title = 'M' where id = 1`)
  assert.deepEqual(await check('cache', 3), {
    verdict: 'broken',
    found: 'movie 1: another content is read than the database has under the same version.',
    sample: 3,
  })
  await byHand('delete from movies where id = 1')
  assert.equal((await check('cache')).found, 'movie 1: it is found, although the database does not have it.')
})

test('A movie whose version has gone back is found and named', async (t) => {
  const { byHand, check } = await world(t)
  assert.equal((await check('versions')).verdict, 'kept')
  await byHand('update movies set version = 1 where id = 1')
  assert.deepEqual(await check('versions', 3), {
    verdict: 'broken',
    found: 'movie 1: its version is lower than one that it had before.',
    sample: 3,
  })
})
