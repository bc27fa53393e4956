import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { createWorld, text } from './world.ts'

test('Of orders and dead letters as they should be the checks say so, and how many they have looked at', async (t) => {
  const world = await createWorld(t)
  await world.publish(text, text, text, 'no order')
  const { app } = await world.start()
  await world.drained()
  assert.deepEqual(await checked({ app }, 'orders'), {
    verdict: 'kept',
    found: '3 messages at random: each has its order.',
    sample: 3,
  })
  assert.deepEqual(await checked({ app }, 'dead-letters'), {
    verdict: 'kept',
    found: '1 dead letter from the oldest on: each has its reason.',
    sample: 1,
  })
})

test('An order without its message is found and named', async (t) => {
  const world = await createWorld(t)
  const { app } = await world.start()
  await world.publish(text, text)
  await world.drained()
  const run = await world.byHand()
  await run("insert into orders (user_id, number_of_items, total_amount) values ('3', 5, '180')")
  assert.deepEqual(await checked({ app }, 'orders'), {
    verdict: 'broken',
    found: 'There are 3 orders of 2 messages: order 3 without one.',
    sample: 3,
  })
})

test('A message of the inbox without its order is found and named', async (t) => {
  const world = await createWorld(t)
  const { app } = await world.start()
  await world.publish(text, text)
  await world.drained()
  const run = await world.byHand()
  await run('alter table inbox rename to former')
  await run('create table inbox as select * from former')
  await run('delete from former')
  await run("delete from orders where id = (select order_id from inbox where message_id = 'm1')")
  assert.deepEqual(await checked({ app }, 'orders'), {
    verdict: 'broken',
    found: 'message m1: its order is missing.',
    sample: 2,
  })
})

test('An order that has two messages is found', async (t) => {
  const world = await createWorld(t)
  const { app } = await world.start()
  await world.publish(text)
  await world.drained()
  const run = await world.byHand()
  await run("insert into inbox (message_id, order_id) select 'again', order_id from inbox")
  assert.deepEqual(await checked({ app }, 'orders'), {
    verdict: 'broken',
    found: 'There are 1 orders of 2 messages.',
    sample: 1,
  })
})

test('A dead letter without a reason is found and named', async (t) => {
  const world = await createWorld(t)
  await world.publish('no order')
  const { app } = await world.start()
  await world.drained()
  world.changeQueue("update message set reason = null where queue = 'billing_queue.dead'")
  assert.deepEqual(await checked({ app }, 'dead-letters'), {
    verdict: 'broken',
    found: 'dead letter m1: it has no reason.',
    sample: 1,
  })
})
