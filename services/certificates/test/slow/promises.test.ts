import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { startReceiver } from '../start-receiver.ts'
import { createWorld, opaque } from '../world.ts'

test('While certificates are added, changed with notifications and deleted, none of 18 rounds of three checks finds a fault', async (t) => {
  let attempts = 0
  const { settings } = await startReceiver(t, () => (attempts++ % 5 === 0 ? 500 : 204))
  const world = await createWorld(t, settings)
  const user = await world.addUser()
  let rounds = 0
  const changing = Array.from({ length: 6 }, async (_, i) => {
    for (let n = 0; rounds < 18; n++) {
      const certificate = await world.addCertificate(opaque, user)
      for (const active of [false, true]) await world.patch(certificate, { active, notify: true })
      if ((n + i) % 3 === 0) await world.delete(certificate)
    }
  })
  for (; rounds < 18; rounds++)
    for (const id of ['sealed-keys', 'notifications', 'outbox']) {
      const { verdict, found } = await checked(world, id)
      assert.notEqual(verdict, 'broken', found)
    }
  await Promise.all(changing)
})
