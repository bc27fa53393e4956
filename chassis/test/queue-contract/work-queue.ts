import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { HandlingStopped, PoisonMessage } from '@quintet/chassis/queue'
import type { Delivery, Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import { until } from '../testing.ts'
import { testOrder } from './order.ts'
import { testAttemptsAcrossProcesses, testSharing, testStopping } from './sharing.ts'
import { createGate, failingConsumer, failSomeOnce, ids, isAppError, meet, message, take } from './world.ts'
import type { CreateWorld } from './world.ts'

/**
 * What only some brokers offer: `deduplication` by the ids of the messages that are held; `attempts` that are counted across
 * processes; `sharing` of a queue by several consumers at a time.
 */
type Offer = 'deduplication' | 'attempts' | 'sharing'

/** The contract of `WorkQueue`, for brokers that keep the order of the messages of a key. */
export function testKeyedQueue(
  name: string,
  createWorld: CreateWorld<Queue>,
  offers: readonly Offer[],
): void {
  testWorkQueue(name, createWorld, offers)
  describe(`work queue with keys: ${name}`, () => {
    testOrder(createWorld)
    if (offers.includes('deduplication')) testDeduplication(createWorld)
    if (offers.includes('attempts')) testAttemptsAcrossProcesses(createWorld)
  })
}

/** The contract of `WorkQueue`, for all brokers. */
export function testWorkQueue(
  name: string,
  createWorld: CreateWorld<Queue<UnkeyedMessage>>,
  offers: readonly Offer[] = ['sharing'],
): void {
  describe(`work queue: ${name}`, () => {
    testPublishing(createWorld)
    testConcurrency(createWorld)
    testFailures(createWorld)
    testDeadLetters(createWorld)
    testBounds(createWorld)
    if (offers.includes('sharing')) testSharing(createWorld)
    testStopping(createWorld)
  })
}

function testPublishing(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('a published message survives closing and opening the queue', async (t: TestContext) => {
    const world = createWorld(t)
    const first = await world.open()
    await first.publish('work', message('a'))
    await first.close()
    const second = await world.open()
    t.assert.equal(await second.depth('work'), 1)
    t.assert.deepEqual(await take(second, 1), [{ ...message('a'), attempt: 1 }])
  })

  test('a message is delivered with its id, key, body and headers unchanged', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const sent = {
      ...message('ä-1'),
      body: '{"text":"\u0000 \u2028 𝄞"}',
      headers: { traceparent: '00-1-2-01' },
    }
    await queue.publish('work', sent)
    t.assert.deepEqual(await take(queue, 1), [{ ...sent, attempt: 1 }])
  })

  test('queues are independent of each other', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.publish('one', message('a'))
    await queue.publish('two', message('a'))
    t.assert.deepEqual(ids(await take(queue, 1, 'two')), ['a'])
    t.assert.equal(await queue.depth('one'), 1)
    t.assert.equal(await queue.depth('two'), 0)
  })

  test('a waiting consumer gets a message as soon as it is published', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const taken = take(queue, 1)
    await turn()
    await queue.publish('work', message('a'))
    t.assert.deepEqual(ids(await taken), ['a'])
  })

  test('each of 10,000 messages is delivered once', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const messages = Array.from({ length: 10_000 }, (_, i) => message(`m${i}`))
    for (let i = 0; i < messages.length; i += 1000)
      await queue.publishAll('work', messages.slice(i, i + 1000))
    const taken = ids(await take(queue, 10_000))
    t.assert.equal(new Set(taken).size, 10_000)
    t.assert.equal(await queue.depth('work'), 0)
  })
}

function testConcurrency(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('messages without a key are handled at the same time', async (t: TestContext) => {
    const gate = createGate(t)
    const queue = await createWorld(t).open()
    await queue.publishAll(
      'work',
      Array.from({ length: 10 }, (_, i) => message(`m${i}`)),
    )
    await meet(queue, 10, gate)
  })

  test('no more than `concurrency` handlers run at a time', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.publishAll(
      'work',
      Array.from({ length: 50 }, (_, i) => message(`m${i}`)),
    )
    let running = 0
    let most = 0
    await take(queue, 50, 'work', { concurrency: 3 }, async () => {
      most = Math.max(most, ++running)
      await turn()
      running -= 1
    })
    t.assert.equal(most, 3)
  })

  test('a batch is bounded, and each of its messages succeeds or fails by itself', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const sent = Array.from({ length: 60 }, (_, i) => message(`m${i}`))
    await queue.publishAll('work', sent)
    const done: Delivery[] = []
    const sizes: number[] = []
    const handle = async (deliveries: readonly Delivery[]) => {
      sizes.push(deliveries.length)
      return failSomeOnce(deliveries, done)
    }
    queue.consumeBatches('work', handle, { batchMax: 20, concurrency: 1, backoffMs: () => 0 })
    await until(() => done.length >= sent.length)
    t.assert.equal(new Set(ids(done)).size, sent.length)
    t.assert.ok(Math.max(...sizes) > 1 && Math.max(...sizes) <= 20, `sizes of batches: ${sizes}`)
  })
}

function testFailures(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('a message whose handler failed is retried after its pause and not before', async (t: TestContext) => {
    const world = createWorld(t)
    const queue = await world.open()
    const consumer = failingConsumer(queue, { backoffMs: (attempt) => attempt * 1000 })
    await queue.publish('work', message('a'))
    await consumer.has('a', 1)
    await world.pass(999)
    await consumer.fetches()
    await world.pass(1)
    await consumer.has('a', 2)
    await world.pass(1999)
    await consumer.fetches()
    await world.pass(1)
    await consumer.has('a', 3)
    t.assert.deepEqual(consumer.attemptsOf('a'), [1, 2, 3])
  })

  test('a batch handler that rejects fails every message of the batch', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.publishAll('work', [message('a'), message('b')])
    const refuse = async () => {
      throw new Error('the database is down')
    }
    queue.consumeBatches('work', refuse, { batchMax: 10, attemptsMax: 2, backoffMs: () => 0 })
    await until(async () => (await queue.depth('work.dead')) === 2)
    const dead = await queue.list('work.dead')
    t.assert.deepEqual(
      dead.map(({ reason }) => reason),
      ['the database is down', 'the database is down'],
    )
  })
}

function testDeadLetters(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('a message that failed `attemptsMax` times becomes a dead letter with the reason', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const consumer = failingConsumer(queue, { attemptsMax: 3, backoffMs: () => 0 })
    const sent = { ...message('a'), headers: { from: 'a test' } }
    await queue.publish('work', sent)
    await until(async () => (await queue.depth('work.dead')) === 1)
    t.assert.deepEqual(consumer.attemptsOf('a'), [1, 2, 3])
    const [dead, ...others] = await queue.list('work.dead')
    t.assert.deepEqual(others, [])
    t.assert.partialDeepStrictEqual(dead ?? {}, { ...sent, attempts: 3, reason: 'a fails' })
    t.assert.equal(typeof dead?.failedAt, 'number')
    await until(async () => (await queue.depth('work.dead')) === 1)
  })

  test('a handler that was stopped has made no attempt, so that its message is delivered again as before', async (t: TestContext) => {
    const world = createWorld(t)
    const attempts: number[] = []
    for (let stops = 0; stops < 3; stops += 1) {
      const queue = await world.open()
      if (stops === 0) await queue.publish('work', message('a'))
      const stopping = Promise.withResolvers<void>()
      const consumer = queue.consume(
        'work',
        async ({ attempt }) => {
          attempts.push(attempt)
          await stopping.promise
          throw new HandlingStopped('The process ends.')
        },
        { attemptsMax: 2 },
      )
      await until(() => attempts.length === stops + 1)
      const stopped = consumer.stop()
      stopping.resolve()
      await stopped
      await queue.close()
    }
    t.assert.deepEqual(attempts, [1, 1, 1])
    const queue = await world.open()
    t.assert.equal(await queue.depth('work.dead'), 0)
    const handled = Promise.withResolvers<number>()
    queue.consume('work', async ({ attempt }) => handled.resolve(attempt), { attemptsMax: 2 })
    t.assert.equal(await handled.promise, 1)
  })

  test('a poison message becomes a dead letter at once, and the others are handled', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.publishAll('work', [message('a'), message('b')])
    const handled: string[] = []
    queue.consume('work', async ({ id }) => {
      handled.push(id)
      if (id === 'a') throw new PoisonMessage('This is not JSON.')
    })
    await until(async () => handled.length === 2 && (await queue.depth('work.dead')) === 1)
    t.assert.deepEqual(handled.sort(), ['a', 'b'])
    t.assert.partialDeepStrictEqual(await queue.list('work.dead'), [
      { id: 'a', attempts: 1, reason: 'This is not JSON.' },
    ])
  })

  test('the reason of a dead letter is bounded, and anything may be thrown', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.publishAll('work', [message('long'), message('odd')])
    const handle = async ({ id }: Delivery) => {
      throw id === 'long' ? new Error('x'.repeat(100_000)) : Object.create(null)
    }
    queue.consume('work', handle, { attemptsMax: 1 })
    await until(async () => (await queue.depth('work.dead')) === 2)
    for (const { reason } of await queue.list('work.dead'))
      t.assert.ok(reason !== undefined && reason.length > 0 && reason.length <= 500)
  })
}

function testBounds(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('a full queue rejects with overloaded, keeps what it accepted, and accepts more when there is room', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const accepted: string[] = []
    const outcomes = Array.from({ length: 100 }, (_, i) =>
      queue.publish('work', message(`m${i}`), { limit: 20 }).then(
        () => accepted.push(`m${i}`),
        (error: unknown) => t.assert.ok(isAppError('overloaded')(error)),
      ),
    )
    await Promise.all(outcomes)
    t.assert.ok(accepted.length < 100)
    t.assert.equal(await queue.depth('work'), accepted.length)
    t.assert.deepEqual(ids(await take(queue, accepted.length)).sort(), accepted.sort())
    await queue.publish('work', message('late'), { limit: 20 })
  })

  test('messages that are published together are rejected together', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.publish('work', message('a'), { limit: 3 })
    const three = [message('b'), message('c'), message('d')]
    await t.assert.rejects(queue.publishAll('work', three, { limit: 3 }), isAppError('overloaded'))
    t.assert.deepEqual(ids(await queue.list('work')), ['a'])
    await queue.publishAll('work', [message('b'), message('c')], { limit: 3 })
    t.assert.equal(await queue.depth('work'), 3)
  })
}

function testDeduplication(createWorld: CreateWorld<Queue>): void {
  test('a message is not stored again under its id while the queue holds it, and is once it was handled', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await Promise.all([queue.publish('work', message('a')), queue.publish('work', message('a'))])
    await queue.publish('work', message('a'))
    t.assert.equal(await queue.depth('work'), 1)
    await take(queue, 1)
    await queue.publish('work', message('a'))
    t.assert.equal(await queue.depth('work'), 1)
  })

  test('a dead letter replaces an earlier one of the same id', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    failingConsumer(queue, { attemptsMax: 1 })
    await queue.publish('work', { ...message('a'), body: 'first' })
    await until(async () => (await queue.depth('work.dead')) === 1)
    await queue.publish('work', { ...message('a'), body: 'second' })
    await until(async () => (await queue.depth('work')) === 0)
    t.assert.partialDeepStrictEqual(await queue.list('work.dead'), [{ id: 'a', body: 'second' }])
    t.assert.equal(await queue.depth('work.dead'), 1)
  })
}
