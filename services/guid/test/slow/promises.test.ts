import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { createSharedDatabase, createWorld } from '../world.ts'

test('While GUIDs are registered, changed, deleted and expire, none of 15 rounds of four checks finds a fault', async (t) => {
  const CACHE_URL = process.env.TEST_CACHE ?? 'memory:'
  const settings = { GUID_DATABASE_URL: await createSharedDatabase(t), CACHE_URL }
  const world = await createWorld(t, settings)
  const guids = Array.from({ length: 16 }, (_, i) => i.toString(16).toUpperCase().repeat(32))
  let rounds = 0
  const changing = guids.map(async (guid, i) => {
    for (let n = 0; rounds < 15; n++) {
      const expire = String(Math.floor(world.clock.now() / 1_000) + 2 + ((n + i) % 30))
      await world.post(`/guid/${guid}`, { user: 'ada', expire })
      await world.get(`/guid/${guid}`)
      await world.patch(`/guid/${guid}`, { user: `u${n}` })
      if ((n + i) % 4 === 0) await world.delete(`/guid/${guid}`)
    }
  })
  for (; rounds < 15; rounds++)
    for (const id of ['expiry', 'cache', 'versions', 'outbox']) {
      const { verdict, found } = await checked(world, id)
      assert.notEqual(verdict, 'broken', found)
    }
  await Promise.all(changing)
})
