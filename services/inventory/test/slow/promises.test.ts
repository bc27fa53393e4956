import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { createWorld } from '../world.ts'

test('While movies are created, changed and deleted, none of 25 rounds of two checks finds a fault', async (t) => {
  const world = await createWorld(t, { CACHE_URL: process.env.TEST_CACHE ?? 'memory:' })
  let rounds = 0
  const changing = Array.from({ length: 8 }, async (_, i) => {
    for (let n = 0; rounds < 25; n++) {
      const { location } = (await world.post({ title: `Movie ${i} ${n}`, description: 'One of many.' }))
        .headers
      const path = String(location)
      for (const title of ['first', 'second', 'third']) {
        await world.get(path)
        await world.put(path, { title, description: 'Changed.' })
      }
      if (n % 3 === 0) await world.delete(path)
    }
  })
  for (; rounds < 25; rounds++)
    for (const id of ['cache', 'versions']) {
      const { verdict, found } = await checked(world, id)
      assert.notEqual(verdict, 'broken', found)
    }
  await Promise.all(changing)
})
