import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { createOrderStore } from '../../src/order-store.ts'
import type { OrderTables } from '../../src/order-store.ts'
import { billingPromises } from '../../src/promises.ts'
import { createWorld, migrations, text } from '../world.ts'

test('While messages become orders and dead letters, none of 25 rounds of two checks finds a fault', async (t) => {
  const world = await createWorld(t)
  const database = await openDatabase<OrderTables>(world.databaseUrl, { migrations })
  t.after(() => database.close())
  const promises = billingPromises({ database, orders: createOrderStore(database), queue: world.queue })
  await world.start()
  let rounds = 0
  const publishing = (async () => {
    while (rounds < 25) await world.publish(...Array.from({ length: 20 }, (_, i) => (i === 7 ? '{}' : text)))
  })()
  for (; rounds < 25; rounds++)
    for (const { check } of promises) {
      const { verdict, found } = await check({ sampleMax: 25, hasTime: () => true })
      assert.notEqual(verdict, 'broken', found)
    }
  await publishing
  await world.drained()
})
