import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { openQueue } from '@quintet/chassis/queue'
import { signMessageId } from '@quintet/contracts'
import { createOrderStatus } from '../src/order-status.ts'
import { createOrderStore } from '../src/order-store.ts'
import type { OrderTables } from '../src/order-store.ts'
import { order } from './world.ts'

const key = 'a key of the gateway'

/** Billing over a queue that can look up a message. */
async function withLookup(t: TestContext) {
  const { orders } = await withoutLookup(t)
  const queue = await openQueue('sqlite::memory:')
  t.after(() => queue.close())
  return { orders, queue, statusOf: createOrderStatus({ orders, queue }) }
}

/** Billing over a broker that cannot look up a message, such as RabbitMQ. */
async function withoutLookup(t: TestContext) {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<OrderTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const orders = createOrderStore(database)
  return { orders, statusOf: createOrderStatus({ orders, queue: {}, idKey: key }) }
}

test('Where the queue cannot look up a message, a signed id is pending until its order is stored or has failed', async (t) => {
  const { orders, statusOf } = await withoutLookup(t)
  const [one, two] = [randomUUID(), randomUUID()]
  const [first, second] = [signMessageId(one, key), signMessageId(two, key)]
  assert.deepEqual(
    [await statusOf(first), await statusOf(second)],
    [{ status: 'pending' }, { status: 'pending' }],
  )
  await orders.store(one, order)
  assert.equal((await statusOf(first))?.status, 'stored')
  await orders.fail({ message_id: two, code: 'invalid', detail: 'no order' })
  assert.equal((await statusOf(second))?.status, 'failed')
})

test('An id that the gateway has not signed was never accepted', async (t) => {
  const { statusOf } = await withoutLookup(t)
  const id = signMessageId(randomUUID(), key)
  const last = id.endsWith('0') ? '1' : '0'
  const forged = [
    randomUUID(),
    signMessageId(randomUUID(), 'another key'),
    `${id.slice(0, -1)}${last}`,
    `${last}${id.slice(1)}`,
    id.toUpperCase(),
    `${id} `,
    id.slice(0, -1),
    '',
  ].filter((one) => one !== id)
  for (const one of forged) assert.equal(await statusOf(one), undefined, one)
})

test('On every queue the UUID identifies a message, whatever its id was signed with, for all but the proof that it was accepted', async (t) => {
  for (const { orders, queue, statusOf } of [
    await withLookup(t),
    { ...(await withoutLookup(t)), queue: undefined },
  ]) {
    const [stored, failed, pending, dead, unknown] = Array.from({ length: 5 }, () => randomUUID())
    assert.ok(stored && failed && pending && dead && unknown)
    await orders.store(stored, order)
    await orders.fail({ message_id: failed, code: 'invalid', detail: 'no order' })
    await queue?.publish('billing_queue', { id: pending, key: '', body: '' })
    await queue?.publish('billing_queue.dead', { id: dead, key: '', body: '' })
    for (const idOf of [(uuid: string) => uuid, (uuid: string) => `${uuid}-0123456789abcdef`]) {
      const found: unknown[] = []
      for (const uuid of [stored, failed, pending, dead, unknown])
        found.push((await statusOf(idOf(uuid)))?.status)
      const ofQueue = queue === undefined ? [undefined, undefined] : ['pending', 'failed']
      assert.deepEqual(found, ['stored', 'failed', ...ofQueue, undefined])
    }
  }
})

test('An order is stored once under all keys that its id was signed with', async (t) => {
  const { orders, statusOf } = await withoutLookup(t)
  const uuid = randomUUID()
  await orders.store(uuid, order)
  for (const id of [uuid, signMessageId(uuid, key), signMessageId(uuid, 'another key')])
    assert.equal((await statusOf(id))?.status, 'stored', id)
})
