import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { cacheByReading, checked, untilCacheIsUsed } from '@quintet/chassis/testing/by-hand'
import { changeByHand } from './guid-by-hand.ts'
import { createSharedDatabase, createWorld, startSeconds } from './world.ts'

/** A service with a cache, behind whose back a test may change a GUID. */
async function world(t: TestContext) {
  const GUID_DATABASE_URL = await createSharedDatabase(t)
  const CACHE_URL = process.env.TEST_CACHE ?? 'memory:'
  const world = await createWorld(t, { GUID_DATABASE_URL, CACHE_URL })
  await untilCacheIsUsed(world.app, CACHE_URL)
  const change = await changeByHand(t, { url: GUID_DATABASE_URL, app: world.app })
  return {
    ...world,
    change,
    register: (guid: string, expire: number) =>
      world.post(`/guid/${guid}`, { user: 'ada', expire: String(expire) }),
    check: (id: string, sampleMin?: number) => checked(world, id, sampleMin),
  }
}

const guids = ['A', 'B', 'C'].map((character) => character.repeat(32))
const [first = ''] = guids

test('Of GUIDs in order each check says so, and how many it has looked at', async (t) => {
  const { register, check, get } = await world(t)
  for (const guid of guids) await register(guid, startSeconds + 10_000)
  await get(`/guid/${first}`)
  for (const [id, found] of Object.entries({
    expiry: 'that expire next or have just expired: none is shown after its second',
    cache: 'at random: what is read through the cache is what the database has',
    versions: 'at random: no version is lower than one that was seen before',
  }))
    assert.deepEqual(await check(id, 3), { verdict: 'kept', found: `3 GUIDs ${found}.`, sample: 3 })
  assert.equal((await check('outbox')).verdict, 'kept')
})

test('A GUID that is cached in another state than that of the database is found and named', async (t) => {
  const { app, register, check, change } = await world(t)
  for (const guid of guids) await register(guid, startSeconds + 10_000)
  for (const guid of guids) await cacheByReading(app, `/guid/${guid}`)
  await change(first, { user: 'bob', version: 2 ** 51 })
  assert.deepEqual(await check('cache', 3), {
    verdict: 'broken',
    found: `GUID ${first}: an older version is read than the database has.`,
    sample: 3,
  })
  await change(first, { version: 1 })
  assert.equal((await check('cache')).found, `GUID ${first}: a later version is read than the database has.`)
})

test('A GUID whose version has gone back is found and named', async (t) => {
  const { register, check, change } = await world(t)
  for (const guid of guids) await register(guid, startSeconds + 10_000)
  assert.equal((await check('versions')).verdict, 'kept')
  await change(first, { version: 1 })
  assert.deepEqual(await check('versions', 3), {
    verdict: 'broken',
    found: `GUID ${first}: its version is lower than one that it had before.`,
    sample: 3,
  })
})

test('A GUID that is shown after its second is found and named', async (t) => {
  const { app, register, check, change, clock } = await world(t)
  for (const guid of guids) await register(guid, startSeconds + 10_000)
  // It is cached with an expiry that the database does not have any more.
  await cacheByReading(app, `/guid/${first}`)
  await change(first, { expire: startSeconds + 20 })
  assert.equal((await check('expiry')).verdict, 'kept')
  clock.advance(20_000)
  assert.deepEqual(await check('expiry', 3), {
    verdict: 'broken',
    found: `GUID ${first}: it is shown, although it has expired or was deleted.`,
    sample: 3,
  })
})
