import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { checked } from '@quintet/chassis/testing/by-hand'
import { startReceiver } from '../start-receiver.ts'
import { createWorld, opaque } from '../world.ts'

test('While certificates are added, changed with notifications and deleted, none of 10 rounds of three checks finds a fault', async (t) => {
  let attempts = 0
  const { settings } = await startReceiver(t, () => (attempts++ % 5 === 0 ? 500 : 204))
  const world = await createWorld(t, settings)
  const user = await world.addUser()
  let rounds = 0
  let changes = 0
  const changing = Array.from({ length: 6 }, async (_, i) => {
    for (let n = 0; rounds < 10; n++) {
      const certificate = await world.addCertificate(opaque, user)
      for (const active of [false, true]) await world.patch(certificate, { active, notify: true })
      if ((n + i) % 3 === 0) await world.delete(certificate)
      changes++
    }
  })
  for (; rounds < 10; rounds++) {
    const before = changes
    await until(() => changes > before)
    // Not by 60 s in all, after which a message of the outbox would have waited too long by the clock that the test moves.
    world.clock.advance(5_000)
    for (const id of ['sealed-keys', 'notifications', 'outbox']) {
      const { verdict, found } = await checked({ app: world.app }, id)
      assert.notEqual(verdict, 'broken', found)
    }
  }
  await Promise.all(changing)
})
