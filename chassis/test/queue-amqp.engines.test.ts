import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openQueue } from '@quintet/chassis/queue'
import type { Queue } from '@quintet/chassis/queue'
import { connect } from 'amqplib'
import type { Channel } from 'amqplib'
import { ids, isAppError, message, take, testQueue } from './queue-contract.ts'
import type { QueueWorld } from './queue-contract.ts'
import { engineUrl, until } from './testing.ts'

const url = engineUrl('amqp')
if (url !== undefined) {
  testQueue('amqp', (t) => createWorld(t, url), [])
  testAmqp(url)
}

function testAmqp(url: string): void {
  test('amqp: a classic queue that is there is taken as it is, with what other programs put into it', async (t: TestContext) => {
    const world = createWorld(t, url)
    const channel = await openChannel(t, url)
    const name = world.nameOf('work')
    await channel.assertQueue(name, { durable: true })
    channel.sendToQueue(name, Buffer.from('bare'), { persistent: true })
    const queue = await world.open()
    await until(async () => (await queue.depth('work')) === 1)
    await queue.publish('work', message('a'))
    const [bare, own] = await take(queue, 2)
    t.assert.equal(bare?.body, 'bare')
    t.assert.match(bare?.id ?? '', /^[0-9a-f-]{36}$/)
    t.assert.equal(own?.id, 'a')
  })

  test('amqp: on a classic queue too a failing message comes again, and ends among the dead letters', async (t: TestContext) => {
    const world = createWorld(t, url)
    const channel = await openChannel(t, url)
    await channel.assertQueue(world.nameOf('work'), { durable: true })
    const queue = await world.open()
    await queue.publish('work', message('a'))
    const attempts: number[] = []
    const fail = async ({ attempt }: { attempt: number }) => {
      attempts.push(attempt)
      throw new Error('it fails')
    }
    queue.consume('work', fail, { attemptsMax: 3, backoffMs: () => 1 })
    await until(async () => (await queue.depth('work.dead')) === 1)
    t.assert.deepEqual(attempts, [1, 2, 3])
    t.assert.partialDeepStrictEqual(await queue.list('work.dead'), [
      { id: 'a', reason: 'it fails', attempts: 3 },
    ])
  })

  test('amqp: a queue that forgets its messages is refused with words', async (t: TestContext) => {
    const world = createWorld(t, url)
    const channel = await openChannel(t, url)
    await channel.assertQueue(world.nameOf('work'), { durable: false })
    const queue = await world.open()
    await t.assert.rejects(queue.publish('work', message('a')), /is not durable/)
  })

  test('amqp: a message that finds no queue is refused although the broker confirms it, and the next one makes the queue anew', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    await queue.publish('work', message('a'))
    await (await openChannel(t, url)).deleteQueue(world.nameOf('work'))
    await t.assert.rejects(queue.publish('work', message('b')), isAppError('dependency_down'))
    await queue.publish('work', message('c'))
    t.assert.deepEqual(ids(await take(queue, 1)), ['c'])
  })

  test('amqp: a consumer goes on when its queue is deleted and made anew', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    const taken: string[] = []
    queue.consume('work', async ({ id }) => void taken.push(id))
    await queue.publish('work', message('a'))
    await until(() => taken.includes('a'))
    await (await openChannel(t, url)).deleteQueue(world.nameOf('work'))
    // The broker tells its consumer of the deletion, unless a queue of that name is back before.
    await pause(500)
    await until(async () => {
      await queue.publish('work', message('b')).catch(() => {})
      return taken.includes('b')
    })
  })

  test('amqp: JSON that another program sent arrives byte for byte', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    await queue.depth('work')
    const body = '{"amount": 180.10,  "id":9007199254740993}'
    const channel = await openChannel(t, url)
    channel.sendToQueue(world.nameOf('work'), Buffer.from(body), {
      contentType: 'application/json',
      messageId: 'x',
    })
    t.assert.partialDeepStrictEqual(await take(queue, 1), [{ id: 'x', body }])
  })

  test('amqp: a message with a key is refused, since its order could not be kept', async (t: TestContext) => {
    const queue = await createWorld(t, url).open()
    await t.assert.rejects(queue.publish('work', message('a', 'key')), /keeps no order by key/)
  })

  test('amqp: more at once than may be on their way are refused, and none is lost', async (t: TestContext) => {
    const queue = await createWorld(t, url).open()
    await queue.publish('work', message('first'))
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3_000 }, (_, i) => queue.publish('work', message(`m${i}`))),
    )
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    t.assert.ok(refused.length > 0 && refused.every(({ reason }) => isAppError('overloaded')(reason)))
    await until(async () => (await queue.depth('work')) === 3_001 - refused.length)
  })

  test('amqp: a broker that is not there is told at once, and by nothing that has its password', async (t: TestContext) => {
    const queue = await openQueue('amqp://somebody:secret@127.0.0.1:1')
    t.after(() => queue.close())
    const told = await queue.publish('work', message('a')).catch((error: unknown) => error)
    t.assert.ok(isAppError('dependency_down')(told))
    t.assert.doesNotMatch(String(told), /secret/)
    const startedAt = performance.now()
    await t.assert.rejects(queue.ping(), isAppError('dependency_down'))
    t.assert.ok(performance.now() - startedAt < 1_000)
  })
}

type AmqpWorld = QueueWorld & { nameOf(queue: string): string }

/** Queues whose names begin in a way of their own, and are gone after the test. */
function createWorld(t: TestContext, url: string): AmqpWorld {
  const prefix = `test-${randomBytes(6).toString('hex')}.`
  const opened: Queue[] = []
  t.after(async () => {
    await Promise.all(opened.map((queue) => queue.close()))
    const channel = await openChannel(t, url)
    for (const name of ['work', 'one', 'two', 'other'])
      for (const suffix of ['', '.dead', ...pauses.map((ms) => `.retry.${ms}`)])
        await channel.deleteQueue(`${prefix}${name}${suffix}`)
  })
  return {
    url,
    nameOf: (queue) => `${prefix}${queue}`,
    pass: (ms) => pause(ms),
    async open() {
      const queue = await openQueue(url)
      opened.push(queue)
      return named(queue, prefix)
    },
  }
}

const pauses = [100, 400, 1_600, 6_400]

function named(queue: Queue, prefix: string): Queue {
  return {
    ...queue,
    publish: (name, ...rest) => queue.publish(prefix + name, ...rest),
    publishAll: (name, ...rest) => queue.publishAll(prefix + name, ...rest),
    consume: (name, ...rest) => queue.consume(prefix + name, ...rest),
    consumeBatches: (name, ...rest) => queue.consumeBatches(prefix + name, ...rest),
    depth: (name) => queue.depth(prefix + name),
    list: (name, ...rest) => queue.list(prefix + name, ...rest),
    replay: (name, ...rest) => queue.replay(prefix + name, ...rest),
    drop: (name, ...rest) => queue.drop(prefix + name, ...rest),
    async queues() {
      const queues = await queue.queues()
      return queues
        .filter(({ depth }) => depth > 0)
        .map((one) => ({ ...one, name: one.name.slice(prefix.length) }))
        .sort((a, b) => a.name.localeCompare(b.name))
    },
  }
}

async function openChannel(t: TestContext, url: string): Promise<Channel> {
  const connection = await connect(url)
  connection.on('error', () => {})
  t.after(() => connection.close().catch(() => {}))
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  return channel
}
