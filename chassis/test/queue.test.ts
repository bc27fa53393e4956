import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { exponentialBackoffMs } from '@quintet/chassis/clock'
import { prepareRestored } from '@quintet/chassis/database/embedded'
import { openKeyedQueue, openOnceQueue, openQueue, openStreamQueue } from '@quintet/chassis/queue'
import type { Delivery, OpenOptions } from '@quintet/chassis/queue'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { testDeadLetters } from './queue-contract/dead-letters.ts'
import { testEventStream } from './queue-contract/event-stream.ts'
import { testPublishOnce } from './queue-contract/publish-once.ts'
import { testQueueAdmin } from './queue-contract/queue-admin.ts'
import { testKeyedQueue } from './queue-contract/work-queue.ts'
import { createGate, ids, isAppError, message, take } from './queue-contract/world.ts'
import { until } from './testing.ts'

const startMs = Date.UTC(2030, 0, 1)

testKeyedQueue('sqlite', (t) => createWorld(t, openKeyedQueue), ['deduplication', 'attempts', 'sharing'])
testPublishOnce('sqlite', (t) => createWorld(t, openOnceQueue))
testEventStream('sqlite', (t) => createWorld(t, openStreamQueue), { retention: true })
testQueueAdmin('sqlite', (t) => createWorld(t, openKeyedQueue))
testDeadLetters('sqlite', (t) => createWorld(t, openKeyedQueue))

for (const before of [0, 12])
  test(`sqlite: a stream with ${before} messages that is restored gives out no position again, and keeps its newest messages`, async (t: TestContext) => {
    const world = createWorld(t, openStreamQueue)
    const append = async (queue: Awaited<ReturnType<typeof world.open>>, from: number, to: number) => {
      for (let i = from; i < to; i += 1) await queue.append('log', [message(`m${i}`)], { keptMax: 10 })
    }
    const first = await world.open()
    await append(first, 0, before)
    await first.close()
    prepareRestored(world.path, 1_000, { streams: ['log'] })
    const queue = await world.open()
    const refused = { name: 'UnknownPosition', last: before }
    const read = async (after: number) => ids(await queue.readStream('log', { after, limit: 100 }))
    for (const after of [before + 1, 500]) await t.assert.rejects(queue.readStream('log', { after }), refused)
    t.assert.deepEqual(await read(before), [])
    await append(queue, before, before + 9)
    for (const after of [before + 1, before + 9, 500])
      await t.assert.rejects(queue.readStream('log', { after }), refused)
    t.assert.deepEqual(
      await read(before),
      ids(Array.from({ length: 9 }, (_, i) => message(`m${before + i}`))),
    )
    t.assert.equal((await read(0)).length, Math.min(before, 10) + 9)
    await append(queue, before + 9, before + 12)
    t.assert.deepEqual(
      await read(0),
      ids(Array.from({ length: 10 }, (_, i) => message(`m${before + 2 + i}`))),
    )
  })

test('sqlite: a queue holds exactly its limit, including the messages that are being handled', async (t: TestContext) => {
  const gate = createGate(t)
  const queue = await createWorld(t, openKeyedQueue).open()
  const publish = (i: number) => queue.publish('work', message(`m${i}`), { limit: 50 })
  const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => publish(i)))
  t.assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 50)
  t.assert.equal(await queue.depth('work'), 50)
  let handling = 0
  const consumer = queue.consume(
    'work',
    () => {
      handling += 1
      return gate.opened
    },
    { concurrency: 10 },
  )
  await until(() => handling === 10)
  await t.assert.rejects(publish(200), isAppError('overloaded'))
  gate.open()
  await consumer.stop()
  t.assert.equal(await queue.depth('work'), 40)
})

test('sqlite: a full queue accepts a message that it holds already', async (t: TestContext) => {
  const queue = await createWorld(t, openKeyedQueue).open()
  await queue.publish('work', message('a'), { limit: 1 })
  await queue.publish('work', message('a'), { limit: 1 })
  t.assert.deepEqual(ids(await queue.list('work')), ['a'])
})

test('sqlite: expired keys are removed, however many there are', async (t: TestContext) => {
  const world = createWorld(t, openOnceQueue)
  const queue = await world.open()
  const publish = (i: number) => queue.publishOnce('work', message(`m${i}`), { key: `k${i}`, forMs: 1000 })
  await Promise.all(Array.from({ length: 20 }, (_, i) => publish(i)))
  t.assert.equal(world.look('select count(*) from publication'), 20)
  world.clock.advance(1000)
  for (let i = 20; i < 35; i += 1) await publish(i)
  t.assert.equal(world.look('select count(*) from publication'), 15)
})

test('sqlite: the lease of a message is renewed while its handler runs', async (t: TestContext) => {
  const gate = createGate(t)
  const world = createWorld(t, openKeyedQueue)
  const queue = await world.open()
  const attempts: number[] = []
  const handle = ({ attempt }: Delivery) => {
    attempts.push(attempt)
    return gate.opened
  }
  const consumers = [1, 2].map(() => queue.consume('work', handle, { leaseMs: 3000 }))
  await queue.publish('work', message('a', 'k'))
  await until(() => attempts.length === 1)
  for (let second = 1; second <= 10; second += 1) {
    world.clock.advance(1000)
    await until(() => world.leaseEnd('a') === world.clock.now() + 3000)
  }
  gate.open()
  await Promise.all(consumers.map(({ stop }) => stop()))
  t.assert.deepEqual(attempts, [1])
  t.assert.equal(await queue.depth('work'), 0)
})

test('sqlite: a consumer that lost its lease can neither acknowledge nor fail the message of another', async (t: TestContext) => {
  const gates = [createGate(t), createGate(t), createGate(t)]
  const world = createWorld(t, openKeyedQueue)
  const queue = await world.open()
  const begun: number[] = []
  const handle = async ({ attempt }: Delivery) => {
    begun.push(attempt)
    await gates[attempt - 1]?.opened
    if (attempt === 2) throw new Error('too late')
  }
  const consumers = [1, 2, 3].map(() =>
    queue.consume('work', handle, { leaseMs: 3000, prefetch: 1, concurrency: 1 }),
  )
  await queue.publish('work', message('a'))
  await until(() => begun.length === 1)
  world.clock.advance(3000)
  await until(() => begun.length === 2)
  world.clock.advance(3000)
  await until(() => begun.length === 3)
  gates[0]?.open()
  gates[1]?.open()
  // The outcomes of the two are committed before later publications.
  await queue.publish('other', message('x'))
  await queue.publish('other', message('y'))
  t.assert.equal(await queue.depth('work'), 1)
  t.assert.equal(world.leaseEnd('a'), world.clock.now() + 3000)
  gates[2]?.open()
  await Promise.all(consumers.map(({ stop }) => stop()))
  t.assert.equal(await queue.depth('work'), 0)
  t.assert.deepEqual(begun, [1, 2, 3])
})

test('sqlite: a fetched message whose lease expired before it was delivered is left to other consumers', async (t: TestContext) => {
  const gate = createGate(t)
  const world = createWorld(t, openKeyedQueue)
  const queue = await world.open()
  const begun: string[] = []
  const handle = ({ id, attempt }: Delivery) => {
    begun.push(`${id}${attempt}`)
    return gate.opened
  }
  const slow = queue.consume('work', handle, { leaseMs: 3000, concurrency: 1, prefetch: 2 })
  await queue.publishAll('work', [message('a'), message('b')])
  await until(() => begun.length === 1)
  world.clock.advance(3000)
  t.assert.deepEqual(ids(await take(queue, 2)).sort(), ['a', 'b'])
  gate.open()
  await queue.publish('work', message('c'))
  await until(() => begun.includes('c1'))
  await slow.stop()
  t.assert.deepEqual(begun, ['a1', 'c1'])
})

test('sqlite: a key with many messages does not block other keys', async (t: TestContext) => {
  const gate = createGate(t)
  const queue = await createWorld(t, openKeyedQueue).open()
  const hot = Array.from({ length: 2000 }, (_, i) => message(`h${i}`, 'hot'))
  await queue.publishAll('work', hot)
  await queue.publish('work', message('cold', 'cold'))
  const begun: string[] = []
  const handle = async ({ id, key }: Delivery) => {
    begun.push(id)
    if (key === 'hot' && begun.length < 3) await gate.opened
  }
  const consumer = queue.consume('work', handle, { prefetch: 10 })
  await until(() => begun.includes('cold'))
  t.assert.deepEqual(begun, ['h0', 'cold'])
  gate.open()
  await until(() => begun.length >= 50)
  await consumer.stop()
  const handled = begun.filter((id) => id !== 'cold')
  t.assert.deepEqual(handled, ids(hot.slice(0, handled.length)))
  t.assert.equal(await queue.depth('work'), 2000 - handled.length)
})

test('sqlite: the depth of a queue is the number of its messages after retries, replays and removals', async (t: TestContext) => {
  const world = createWorld(t, openKeyedQueue)
  const queue = await world.open()
  const handle = async ({ id, attempt }: Delivery) => {
    if (id.endsWith('3')) throw new Error('always')
    if (id.endsWith('5') && attempt === 1) throw new Error('once')
  }
  const consumer = queue.consume('work', handle, { attemptsMax: 2, backoffMs: () => 0 })
  const publishing = Array.from({ length: 300 }, (_, i) =>
    queue.publish('work', message(`m${i}`, `k${i % 7}`), { limit: 40 }).catch(() => {}),
  )
  await Promise.all(publishing)
  await until(async () => (await queue.depth('work')) === 0)
  await consumer.stop()
  await queue.replay('work.dead', {})
  await queue.dropWaiting?.('work', 'm3')
  for (const name of ['work', 'work.dead']) t.assert.equal(await queue.depth(name), world.count(name), name)
})

test('A URL of another scheme is refused with the known schemes', async (t: TestContext) => {
  await t.assert.rejects(openQueue('carrier-pigeon://loft'), /carrier-pigeon.*sqlite:/)
})

test('A broker without streams or without keys of publications is refused where they are needed', async (t: TestContext) => {
  await t.assert.rejects(
    openStreamQueue('amqp://127.0.0.1:1'),
    /"amqp:".*use one of sqlite:, kafka:, kafkas:$/,
  )
  await t.assert.rejects(openOnceQueue('amqp://127.0.0.1:1'), /"amqp:".*use one of sqlite:$/)
  const queue = await createWorld(t, openQueue).open()
  // @ts-expect-error -- A queue of any broker has no streams,
  void queue.append
  // @ts-expect-error -- stores no keys of publications,
  void queue.publishOnce
  // @ts-expect-error -- and accepts no messages with keys of their order.
  await queue.publish('work', message('a', 'key'))
})

test('The exponential backoff grows from 100 ms to 10 s, and is at least half of its full length', (t: TestContext) => {
  for (const [attempt, fullMs] of [
    [1, 100],
    [2, 200],
    [5, 1600],
    [8, 10_000],
    [50, 10_000],
  ] as const) {
    const pausesMs = Array.from({ length: 200 }, () => exponentialBackoffMs(attempt))
    t.assert.ok(Math.min(...pausesMs) >= fullMs / 2 && Math.max(...pausesMs) <= fullMs)
    t.assert.ok(new Set(pausesMs).size > 100)
  }
})

function createWorld<T extends { close(): Promise<void> }>(
  t: TestContext,
  open: (url: string, options: OpenOptions) => Promise<T>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-queue-'))
  const path = join(folder, 'queue.db')
  const clock = createManualClock(startMs)
  const opened: { close(): Promise<void> }[] = []
  t.after(async () => {
    await Promise.all(opened.map((queue) => queue.close()))
    rmSync(folder, { recursive: true })
  })
  const look = (text: string, ...parameters: string[]) => {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
    try {
      return Number(Object.values(database.prepare(text).get(...parameters) ?? {})[0])
    } finally {
      database.close()
    }
  }
  return {
    path,
    url: `sqlite:${path}`,
    clock,
    pass: clock.advance,
    look,
    async open() {
      const queue = await open(`sqlite:${path}`, { clock })
      opened.push(queue)
      return queue
    },
    leaseEnd: (id: string) => look('select visible_at from message where message_id = ?', id),
    count: (queue: string) => look('select count(*) from message where queue = ?', queue),
  }
}
