import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openKeyedQueue } from '@quintet/chassis/queue'
import type { Delivery, Queue } from '@quintet/chassis/queue'
import { systemClock } from '@quintet/chassis/clock'
import { openAmqpQueue } from '../src/queue/amqp/amqp-queue.ts'
import { createWorldOf, openChannel } from './amqp-world.ts'
import { testQueueAdmin } from './queue-contract/queue-admin.ts'
import { testKeyedQueue } from './queue-contract/work-queue.ts'
import { ids, message } from './queue-contract/world.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, until } from './testing.ts'

/** RabbitMQ, where it keeps the order of the messages of a key. */
const url = engineUrl('amqp')
if (url !== undefined) {
  testKeyedQueue('amqp in order', (t) => createWorldOf(t, url, openKeyedQueue), [])
  testQueueAdmin('amqp in order', (t) => createWorldOf(t, url, openKeyedQueue))
  testHandover(url)
  testHeldMessages(url)
}

function testHandover(url: string): void {
  test('amqp in order: one consumer takes messages, and another takes over when it stops, with those that waited for their next attempt', async (t: TestContext) => {
    const world = createWorldOf(t, url, openKeyedQueue)
    const [one, two] = [await world.open(), await world.open()]
    const [first, second]: Delivery[][] = [[], []]
    const consumer = one.consume('work', failing(first ?? [], ['a']), { backoffMs: () => 3_600_000 })
    await one.publishAll('work', [message('a', 'k'), message('b', 'k'), message('c', 'other')])
    await until(() => first?.length === 2)
    two.consume('work', async (delivery) => void second?.push(delivery))
    t.assert.deepEqual(ids(first ?? []), ['a', 'c'])
    t.assert.equal(await one.depth('work'), 2)
    await consumer.stop()
    await until(() => second?.length === 2)
    t.assert.deepEqual(ids(second ?? []), ['a', 'b'])
  })

  test('amqp in order: another process takes over when the first one is killed, with the messages that it held', async (t: TestContext) => {
    const world = createWorldOf(t, url, openKeyedQueue)
    const queue = await world.open()
    await queue.publishAll('work', [message('a', 'k'), message('b', 'k')])
    const child = fork(new URL('queue-process.ts', import.meta.url), [
      url,
      world.nameOf('work'),
      '10000',
      'hang',
      'keyed',
    ])
    await once(child, 'message')
    await once(child, 'message')
    const taken: Delivery[] = []
    queue.consume('work', async (delivery) => void taken.push(delivery))
    child.kill('SIGKILL')
    await until(() => taken.length === 2)
    t.assert.deepEqual(ids(taken), ['a', 'b'])
  })

  test('amqp in order: after a lost connection messages are delivered in the same order, none before what is still being handled', async (t: TestContext) => {
    const through = () => proxy.through(url)
    const world = createWorldOf(t, url, () => openKeyedQueue(through()))
    const proxy = await startProxy(t, url)
    const queue = await world.open()
    const gate = Promise.withResolvers<void>()
    const events: string[] = []
    queue.consume('work', async ({ id }) => {
      events.push(`begin ${id}`)
      if (events.length === 1) await gate.promise
      events.push(`end ${id}`)
    })
    await queue.publishAll('work', [message('a', 'k'), message('b', 'k')])
    await until(() => events.length === 1)
    proxy.reset()
    await until(() =>
      queue.publish('work', message('c', 'k')).then(
        () => true,
        () => false,
      ),
    )
    t.assert.deepEqual(events, ['begin a'])
    gate.resolve()
    await until(() => events.includes('end c'))
    const order = ['begin a', 'end a', 'begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c']
    t.assert.deepEqual(events, order)
  })
}

function testHeldMessages(url: string): void {
  test('amqp in order: messages that are held for long are given back and taken again, with their attempts, pauses and order', async (t: TestContext) => {
    const openBriefly = (url: string): Promise<Queue> =>
      openAmqpQueue(url, { clock: systemClock, names: [], inOrder: true, heldMsMax: 100 })
    const world = createWorldOf(t, url, openBriefly)
    const queue = await world.open()
    const taken: Delivery[] = []
    queue.consume('work', failing(taken, ['a']), {
      backoffMs: (attempt) => (attempt === 1 ? 1_500 : 1),
      attemptsMax: 3,
    })
    const startedAt = performance.now()
    await queue.publishAll('work', [message('a', 'k'), message('b', 'k')])
    await until(async () => (await queue.depth('work.dead')) === 1 && taken.length >= 4)
    t.assert.deepEqual(
      taken.map(({ id, attempt }) => `${id} ${attempt}`),
      ['a 1', 'a 2', 'a 3', 'b 1'],
    )
    t.assert.ok(performance.now() - startedAt >= 1_500)
  })

  test('amqp in order: the key of a message is kept in its dead letter and its replay, and another program may set it', async (t: TestContext) => {
    const world = createWorldOf(t, url, openKeyedQueue)
    const queue = await world.open()
    await queue.depth('work')
    const channel = await openChannel(t, url)
    channel.sendToQueue(world.nameOf('work'), Buffer.from('x'), {
      messageId: 'a',
      headers: { 'x-quintet-key': 'k' },
    })
    const consumer = queue.consume('work', failing([], ['a']), { attemptsMax: 1 })
    await until(async () => (await queue.depth('work.dead')) === 1)
    await consumer.stop()
    t.assert.partialDeepStrictEqual(await queue.list('work.dead'), [{ id: 'a', key: 'k' }])
    await queue.replay('work.dead', {})
    t.assert.partialDeepStrictEqual(await queue.list('work'), [{ id: 'a', key: 'k' }])
  })
}

/** A handler that records its messages, and fails those of these ids. */
function failing(taken: Delivery[], bad: readonly string[]): (delivery: Delivery) => Promise<void> {
  return async (delivery) => {
    taken.push(delivery)
    if (bad.includes(delivery.id)) throw new Error(`${delivery.id} fails`)
  }
}
