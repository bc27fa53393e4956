import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Delivery, Queue } from '@quintet/chassis/queue'
import { until } from '../testing.ts'
import { createGate, failingConsumer, failSomeOnce, ids, meet, message, take } from './world.ts'
import type { CreateWorld } from './world.ts'

/** The order of the messages of one key, for brokers that keep it. */
export function testOrder(createWorld: CreateWorld<Queue>): void {
  test('messages of one key keep their order under eight consumers that fail at random', async (t: TestContext) => {
    const world = createWorld(t)
    const queues = [await world.open(), await world.open()]
    const random = createRandom(7)
    const sent = Array.from({ length: 400 }, (_, i) => message(`m${i}`, `k${i % 13}`))
    const done: Delivery[] = []
    const beingHandled = new Set<string>()
    const faults: string[] = []
    async function handle(delivery: Delivery): Promise<void> {
      if (beingHandled.has(delivery.key))
        faults.push(`${delivery.id} was delivered during another of ${delivery.key}`)
      beingHandled.add(delivery.key)
      await turn()
      beingHandled.delete(delivery.key)
      if (random() < 0.2) throw new Error('at random')
      done.push(delivery)
    }
    for (let i = 0; i < 8; i += 1)
      queues[i % 2]?.consume('work', handle, { prefetch: 1 + i * 4, attemptsMax: 1000, backoffMs: () => 0 })
    await queues[0]?.publishAll('work', sent)
    await until(() => done.length >= sent.length)
    t.assert.deepEqual(faults, [])
    for (const [key, deliveries] of Map.groupBy(done, (delivery) => delivery.key))
      t.assert.deepEqual(ids(deliveries), ids(sent.filter((each) => each.key === key)), `the order of ${key}`)
  })

  test('different keys are handled at the same time', async (t: TestContext) => {
    const gate = createGate(t)
    const queue = await createWorld(t).open()
    await queue.publishAll(
      'work',
      Array.from({ length: 10 }, (_, i) => message(`m${i}`, `k${i}`)),
    )
    await meet(queue, 10, gate)
  })

  test('a batch has no two messages of one key, and each of its messages succeeds or fails by itself', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const sent = Array.from({ length: 60 }, (_, i) => message(`m${i}`, i < 30 ? '' : `k${i % 5}`))
    await queue.publishAll('work', sent)
    const done: Delivery[] = []
    const sizes: number[] = []
    const handle = async (deliveries: readonly Delivery[]) => {
      sizes.push(deliveries.length)
      const keys = deliveries.map(({ key }) => key).filter((key) => key !== '')
      t.assert.equal(new Set(keys).size, keys.length)
      return failSomeOnce(deliveries, done)
    }
    queue.consumeBatches('work', handle, { batchMax: 20, concurrency: 1, backoffMs: () => 0 })
    await until(() => done.length >= sent.length)
    t.assert.equal(new Set(ids(done)).size, sent.length)
    t.assert.ok(Math.max(...sizes) > 1 && Math.max(...sizes) <= 20, `sizes of batches: ${sizes}`)
    const keyed = Map.groupBy(
      done.filter(({ key }) => key !== ''),
      ({ key }) => key,
    )
    for (const [key, each] of keyed)
      t.assert.deepEqual(ids(each), ids(sent.filter((one) => one.key === key)), `the order of ${key}`)
  })

  test('a message that waits for its next attempt blocks its key and no other', async (t: TestContext) => {
    const world = createWorld(t)
    const queue = await world.open()
    const consumer = failingConsumer(queue, { backoffMs: () => 1000 })
    await queue.publishAll('work', [message('a', 'k'), message('good-b', 'k'), message('good-c', 'other')])
    await consumer.has('a', 1)
    await consumer.has('good-c', 1)
    await consumer.fetches()
    t.assert.deepEqual(consumer.attemptsOf('good-b'), [])
    consumer.succeed()
    await world.pass(1000)
    await consumer.has('good-b', 1)
    t.assert.deepEqual(consumer.attemptsOf('a'), [1, 2])
  })

  test('a replayed dead letter is delivered as a new message, after those of its key', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const consumer = failingConsumer(queue, { attemptsMax: 1 })
    await queue.publish('work', message('a', 'k'))
    await until(async () => (await queue.depth('work.dead')) === 1)
    await consumer.stop()
    await queue.publish('work', message('b', 'k'))
    t.assert.deepEqual(ids(await queue.replay('work.dead', { ids: ['a'] })), ['a'])
    t.assert.equal(await queue.depth('work.dead'), 0)
    t.assert.deepEqual(await take(queue, 2), [
      { ...message('b', 'k'), attempt: 1 },
      { ...message('a', 'k'), attempt: 1 },
    ])
  })
}

function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}
