import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { unrestricted } from '@quintet/chassis/guard'
import { openQueue } from '@quintet/chassis/queue'
import { ownerHeader, signMessageId } from '@quintet/contracts'
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
  return { orders, queue, ...statusesOf(createOrderStatus({ orders, queue })) }
}

/** Billing over a broker that cannot look up a message, such as RabbitMQ. */
async function withoutLookup(t: TestContext) {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<OrderTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const orders = createOrderStore(database)
  return { orders, ...statusesOf(createOrderStatus({ orders, queue: {}, idKey: key })) }
}

/** As everybody reads them where clients are not authenticated, and as a principal without scopes does. */
function statusesOf(statusOf: ReturnType<typeof createOrderStatus>) {
  return {
    statusOf: (id: string) => statusOf(id, unrestricted),
    statusFor: async (owner: string | null, id: string) =>
      (await statusOf(id, { owner, readsAll: false, changesAll: false }))?.status,
  }
}

test('Where the queue cannot look up a message, a signed id is pending until its order is stored or has failed', async (t) => {
  const { orders, statusOf } = await withoutLookup(t)
  const [one, two] = [randomUUID(), randomUUID()]
  const [first, second] = [signMessageId(one, key, null), signMessageId(two, key, null)]
  assert.deepEqual(
    [await statusOf(first), await statusOf(second)],
    [{ status: 'pending' }, { status: 'pending' }],
  )
  await orders.store(one, order, null)
  assert.equal((await statusOf(first))?.status, 'stored')
  await orders.fail({ message_id: two, code: 'invalid', detail: 'no order', owner: null })
  assert.equal((await statusOf(second))?.status, 'failed')
})

test('An id that the gateway has not signed was never accepted', async (t) => {
  const { statusOf } = await withoutLookup(t)
  const id = signMessageId(randomUUID(), key, null)
  const last = id.endsWith('0') ? '1' : '0'
  const forged = [
    randomUUID(),
    signMessageId(randomUUID(), 'another key', null),
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
    await orders.store(stored, order, null)
    await orders.fail({ message_id: failed, code: 'invalid', detail: 'no order', owner: null })
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
  await orders.store(uuid, order, null)
  for (const id of [uuid, signMessageId(uuid, key, null), signMessageId(uuid, 'another key', null)])
    assert.equal((await statusOf(id))?.status, 'stored', id)
})

test('What became of the message of one owner is for that one alone, on every queue, while it waits and later', async (t) => {
  const [waits, isStored, hasFailed, isDead] = Array.from({ length: 4 }, () => randomUUID())
  assert.ok(waits && isStored && hasFailed && isDead)
  const { queue, ...lookup } = await withLookup(t)
  const headers = { [ownerHeader]: 'ada' }
  await queue.publish('billing_queue', { id: waits, key: '', body: '', headers })
  await queue.publish('billing_queue.dead', { id: isDead, key: '', body: '', headers })
  for (const { orders, statusFor } of [lookup, await withoutLookup(t)]) {
    await orders.store(isStored, order, 'ada')
    await orders.fail({ message_id: hasFailed, code: 'invalid', detail: 'no order', owner: 'ada' })
    const dead = orders === lookup.orders ? 'failed' : 'pending'
    const expected: readonly (readonly [uuid: string, status: string])[] = [
      [waits, 'pending'],
      [isStored, 'stored'],
      [hasFailed, 'failed'],
      [isDead, dead],
    ]
    for (const [uuid, status] of expected) {
      const id = signMessageId(uuid, key, 'ada')
      assert.equal(await statusFor('ada', id), status)
      for (const other of ['bob', null])
        for (const one of [id, uuid])
          assert.equal(await statusFor(other, one), undefined, `${status} for ${other}`)
    }
  }
})

test('An id that is signed for nobody proves to everybody that its order was accepted', async (t) => {
  const { statusFor } = await withoutLookup(t)
  const id = signMessageId(randomUUID(), key, null)
  for (const owner of ['ada', null]) assert.equal(await statusFor(owner, id), 'pending')
})
