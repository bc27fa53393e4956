import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { withTimeout } from '@quintet/chassis/clock'
import { openQueue, runQueueCommand } from '@quintet/chassis/queue'
import type { Delivery } from '@quintet/chassis/queue'
import { connect } from 'amqplib'
import type { ConfirmChannel } from 'amqplib'
import { createWorld, openChannel } from './amqp-world.ts'
import { testDeadLetters } from './queue-contract/dead-letters.ts'
import { testQueueAdmin } from './queue-contract/queue-admin.ts'
import { testWorkQueue } from './queue-contract/work-queue.ts'
import { ids, isAppError, message, take } from './queue-contract/world.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, until } from './testing.ts'

const url = engineUrl('amqp')
if (url !== undefined) {
  testWorkQueue('amqp', (t) => createWorld(t, url))
  testQueueAdmin('amqp', (t) => createWorld(t, url))
  testDeadLetters('amqp', (t) => createWorld(t, url))
  testDeliveries(url)
  testDeclarations(url)
  testMessages(url)
  testOtherPrograms(url)
  testEarlierQueues(url)
}

/** Programs that declare the queue as most do: durable, and without arguments. */
function testOtherPrograms(url: string): void {
  test('amqp: another program may declare the queue durable and without arguments, before and after this one', async (t: TestContext) => {
    for (const isFirst of [true, false]) {
      const world = createWorld(t, url)
      const channel = await openChannel(t, url)
      const declare = () => channel.assertQueue(world.nameOf('work'), { durable: true })
      if (isFirst) await declare()
      const queue = await world.open()
      const bodies: string[] = []
      queue.consume('work', async ({ body }) => void bodies.push(body))
      await queue.publish('work', message('own'))
      await until(() => bodies.length === 1)
      await declare()
      channel.sendToQueue(world.nameOf('work'), Buffer.from('of another'), { persistent: true })
      await until(() => bodies.includes('of another'))
      await declare()
      t.assert.deepEqual(bodies, ['body of own', 'of another'])
    }
  })

  test('amqp: what another program publishes while nothing consumes is counted, shown and delivered, under one id', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    await queue.publish('work', message('own'))
    const channel = await openChannel(t, url)
    const timestamp = 1_900_000_000
    channel.sendToQueue(world.nameOf('work'), Buffer.from('of another'), { persistent: true, timestamp })
    await until(async () => (await queue.depth('work')) === 2)
    const [own, other] = await queue.list('work')
    t.assert.partialDeepStrictEqual(
      [own, other],
      [{ id: 'own' }, { body: 'of another', publishedAt: timestamp * 1_000 }],
    )
    t.assert.deepEqual(ids(await take(queue, 2)).sort(), [own?.id, other?.id].sort())
    channel.sendToQueue(world.nameOf('work'), Buffer.from('of another'), { persistent: true })
    await until(async () => (await queue.depth('work')) === 1)
    t.assert.equal(await queue.purge('work'), 1)
    t.assert.equal(await queue.depth('work'), 0)
  })

  test('amqp: messages that are looked at a hundred times are all still there', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    const failing = queue.consume('work', () => Promise.reject(new Error('it fails')), { attemptsMax: 1 })
    await queue.publishAll('work', [message('a'), message('b')])
    await until(async () => (await queue.depth('work.dead')) === 2)
    await failing.stop()
    await queue.publishAll('work', [message('c'), message('d')])
    for (let look = 1; look <= 100; look += 1) {
      t.assert.deepEqual(ids(await queue.list('work')), ['c', 'd'], `look ${look}`)
      const dead = await queue.list('work.dead')
      t.assert.deepEqual(ids(dead).sort(), ['a', 'b'], `look ${look}`)
      t.assert.ok(dead.every(({ reason }) => reason === 'it fails'))
    }
  })
}

const earlier = { durable: true, arguments: { 'x-queue-type': 'quorum' } }

/** Declares the queues of an earlier version, with so many messages and dead letters. */
async function withEarlierQueues(t: TestContext, url: string, count: number) {
  const world = createWorld(t, url)
  const name = world.nameOf('work')
  const channel = await openConfirmChannel(t, url)
  await channel.assertQueue(`${name}.dead`, earlier)
  const limit = { 'x-delivery-limit': 100, 'x-dead-letter-exchange': '' }
  const atLeastOnce = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
  await channel.assertQueue(name, {
    durable: true,
    arguments: {
      ...earlier.arguments,
      ...limit,
      'x-dead-letter-routing-key': `${name}.dead`,
      ...atLeastOnce,
    },
  })
  const headers = {
    'x-quintet-attempt': 5,
    'x-quintet-reason': 'it fails',
    'x-quintet-failed-at': 1_900_000_000_000,
  }
  for (let i = 0; i < count; i += 1) {
    channel.sendToQueue(name, Buffer.from(`${i}`), { persistent: true, messageId: `m${i}` })
    channel.sendToQueue(`${name}.dead`, Buffer.from(`${i}`), {
      persistent: true,
      messageId: `d${i}`,
      headers,
    })
  }
  await channel.waitForConfirms()
  return { world, name, channel }
}

function testEarlierQueues(url: string): void {
  test('amqp: `quintet queue redeclare` declares the queues of an earlier version anew, and every message and dead letter is kept', async (t: TestContext) => {
    const { world, name } = await withEarlierQueues(t, url, 300)
    const isPlain = await declarationOf(t, url, name)
    t.assert.equal(await isPlain(), false)
    const admin = await openQueue(url, { queues: [name] })
    t.after(() => admin.close())
    const command = (...words: string[]) => runQueueCommand([admin], words)
    await t.assert.rejects(command('show', `${name}.dead`), /run "quintet queue redeclare/)
    t.assert.match(await command('redeclare', name), /is declared as it should be; 600 messages moved/)
    t.assert.equal(await isPlain(), true)
    t.assert.match(await command('redeclare', name), /0 messages moved/)
    const queue = await world.open()
    await until(async () => (await queue.depth('work')) + (await queue.depth('work.dead')) === 600)
    for (let look = 0; look < 30; look += 1) await queue.list('work.dead')
    const dead = await queue.list('work.dead', { limit: 1_000 })
    t.assert.deepEqual(ids(dead).sort(), Array.from({ length: 300 }, (_, i) => `d${i}`).sort())
    const facts = { attempts: 5, reason: 'it fails', failedAt: 1_900_000_000_000 }
    for (const letter of dead) t.assert.partialDeepStrictEqual(letter, facts)
    const taken = ids(await take(queue, 300))
    t.assert.deepEqual(taken.sort(), Array.from({ length: 300 }, (_, i) => `m${i}`).sort())
  })

  test('amqp: a queue of an earlier version works as it is, and is not declared anew while it is in use', async (t: TestContext) => {
    const { world, name, channel } = await withEarlierQueues(t, url, 3)
    const queue = await world.open()
    const taken: string[] = []
    const consumer = queue.consume('work', async ({ id }) => void taken.push(id))
    await until(() => taken.length === 3)
    await t.assert.rejects(queue.redeclare?.('work') ?? Promise.resolve(), /is in use/)
    await consumer.stop()
    const publishing = setInterval(() => channel.sendToQueue(name, Buffer.from('x')), 50)
    await t.assert.rejects(queue.redeclare?.('work') ?? Promise.resolve(), /is in use/)
    clearInterval(publishing)
    await channel.waitForConfirms()
    t.assert.equal(await (await declarationOf(t, url, name))(), false)
  })

  test('amqp: a queue that another program has declared with arguments of its own stays as it is', async (t: TestContext) => {
    const world = createWorld(t, url)
    const name = world.nameOf('work')
    const channel = await openConfirmChannel(t, url)
    const own = { durable: true, arguments: { 'x-max-length': 1_000 } }
    await channel.assertQueue(name, own)
    channel.sendToQueue(name, Buffer.from('of another'), { persistent: true })
    await channel.waitForConfirms()
    const queue = await world.open()
    t.assert.equal(await queue.redeclare?.('work'), 0)
    await channel.assertQueue(name, own)
    t.assert.deepEqual(
      (await take(queue, 1)).map(({ body }) => body),
      ['of another'],
    )
  })
}

function testDeliveries(url: string): void {
  test('amqp: an existing classic queue is used as it is, with the messages of other programs', async (t: TestContext) => {
    const world = createWorld(t, url)
    const channel = await openChannel(t, url)
    const name = world.nameOf('work')
    await channel.assertQueue(name, { durable: true })
    channel.sendToQueue(name, Buffer.from('bare'), { persistent: true })
    const queue = await world.open()
    await until(async () => (await queue.depth('work')) === 1)
    await queue.publish('work', message('a'))
    const taken = await take(queue, 2)
    const [bare, own] = taken.toSorted(({ body }) => (body === 'bare' ? -1 : 1))
    t.assert.equal(bare?.body, 'bare')
    t.assert.match(bare?.id ?? '', /^[0-9a-f-]{36}$/)
    t.assert.equal(own?.id, 'a')
  })

  test('amqp: on a classic queue too a failing message is retried, and becomes a dead letter', async (t: TestContext) => {
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

  test('amqp: a message has as many attempts as any other, whatever another program says of them', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    await queue.depth('work')
    const channel = await openChannel(t, url)
    const claims = [-1000, 0, 4, 1e9, 1.5, '3', true, null, [1], { a: 1 }]
    claims.forEach((claim, i) => {
      const headers = {
        'x-quintet-attempt': claim,
        'x-quintet-failed-at': 1e300,
        'x-quintet-reason': [claim],
      }
      channel.sendToQueue(world.nameOf('work'), Buffer.from('x'), { messageId: `m${i}`, headers })
    })
    const attempts = new Map<string, number[]>()
    const fail = async ({ id, attempt }: Delivery) => {
      attempts.set(id, [...(attempts.get(id) ?? []), attempt])
      throw new Error('it fails')
    }
    queue.consume('work', fail, { attemptsMax: 3, backoffMs: () => 1 })
    await until(async () => (await queue.depth('work.dead')) === claims.length)
    t.assert.deepEqual(
      [...attempts.values()],
      claims.map(() => [1, 2, 3]),
    )
    for (const letter of await queue.list('work.dead'))
      t.assert.partialDeepStrictEqual(letter, { attempts: 3, reason: 'it fails' })
  })
}

function testDeclarations(url: string): void {
  test('amqp: a queue that is not durable is refused with the reason', async (t: TestContext) => {
    const world = createWorld(t, url)
    const channel = await openChannel(t, url)
    await channel.assertQueue(world.nameOf('work'), { durable: false })
    const queue = await world.open()
    await t.assert.rejects(queue.publish('work', message('a')), /is not durable/)
  })

  test('amqp: a message without a queue is rejected although the broker confirms it, and the next one declares the queue again', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    await queue.publish('work', message('a'))
    await (await openChannel(t, url)).deleteQueue(world.nameOf('work.quorum'))
    await t.assert.rejects(queue.publish('work', message('b')), isAppError('dependency_down'))
    await queue.publish('work', message('c'))
    t.assert.deepEqual(ids(await take(queue, 1)), ['c'])
  })

  test('amqp: a consumer continues when its queue is deleted and declared again', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    const taken: string[] = []
    queue.consume('work', async ({ id }) => void taken.push(id))
    await queue.publish('work', message('a'))
    await until(() => taken.includes('a'))
    await (await openChannel(t, url)).deleteQueue(world.nameOf('work.quorum'))
    // The broker notifies the consumer of the deletion, unless a queue of that name exists again by then.
    await pause(500)
    await until(async () => {
      await queue.publish('work', message('b')).catch(() => {})
      return taken.includes('b')
    })
  })
}

function testMessages(url: string): void {
  test('amqp: JSON of another program is delivered byte for byte', async (t: TestContext) => {
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

  test('amqp: `quintet queue` lists, shows and drops what a queue holds that this client has not used', async (t: TestContext) => {
    const world = createWorld(t, url)
    const name = world.nameOf('work')
    await (await world.open()).publish('work', message('a'))
    const admin = await openQueue(url, { queues: [name] })
    t.after(() => admin.close())
    const command = (...words: string[]) => runQueueCommand([admin], words)
    await until(async () => new RegExp(`^${name} +1 `, 'm').test(await command('list')))
    t.assert.match(await command('show', name), /body of a/)
    t.assert.match(await command('show', `${name}.dead`), /has no messages/)
    t.assert.match(await command('drop', name, 'a'), /^1 message removed/)
  })

  test('amqp: dead letters of other programs, and of earlier versions, without a reason and without an id, are counted and replayed', async (t: TestContext) => {
    const world = createWorld(t, url)
    const queue = await world.open()
    await queue.depth('work.dead')
    const channel = await openChannel(t, url)
    for (const properties of [{}, {}, { messageId: 'x', headers: { 'x-quintet-attempt': 5 } }])
      channel.sendToQueue(world.nameOf('work.dead'), Buffer.from('a body'), properties)
    await until(async () => (await queue.depth('work.dead')) === 3)
    t.assert.deepEqual((await queue.reasons('work.dead')).groups, [{ reason: '', count: 3 }])
    const replayed = await queue.replay('work.dead', { reason: '' }, { expect: 3 })
    t.assert.deepEqual([ids(replayed).length, new Set(ids(replayed)).size], [3, 3])
    t.assert.deepEqual(ids(await queue.list('work')).sort(), ids(replayed).sort())
    t.assert.equal(await queue.depth('work.dead'), 0)
  })

  test('amqp: publications beyond the limit in flight are rejected, and none is lost', async (t: TestContext) => {
    const queue = await createWorld(t, url).open()
    await queue.publish('work', message('first'))
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3_000 }, (_, i) => queue.publish('work', message(`m${i}`))),
    )
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    t.assert.ok(refused.length > 0 && refused.every(({ reason }) => isAppError('overloaded')(reason)))
    await until(async () => (await queue.depth('work')) === 3_001 - refused.length)
  })

  test('amqp: a queue closes though responses on its connection never come', async (t: TestContext) => {
    const proxy = await startProxy(t, url)
    const queue = await openQueue(proxy.through(url))
    await queue.ping()
    proxy.lose('responses')
    await withTimeout(5_000, queue.close())
  })

  test('amqp: a publication whose connection is lost before it is confirmed has an unknown outcome, since it was stored', async (t: TestContext) => {
    const world = createWorld(t, url)
    const direct = await world.open()
    const basicPublish = '\0\x3c\0\x28'
    const proxy = await startProxy(t, url)
    const queue = await openQueue(proxy.through(url))
    t.after(() => queue.close())
    await queue.publish(world.nameOf('work'), message('a'))
    proxy.dropResponses((request) => !String(request).includes(basicPublish))
    const publication = queue.publish(world.nameOf('work'), message('b'))
    await t.assert.rejects(withTimeout(5_000, publication), isAppError('outcome_unknown'))
    t.assert.equal(await direct.depth('work'), 2)
  })

  test('amqp: a publication fails if the connection is lost while a channel is closed', async (t: TestContext) => {
    const world = createWorld(t, url)
    const channelClose = '\0\x14\0\x28'
    const proxy = await startProxy(t, url)
    const queue = await openQueue(proxy.through(url))
    t.after(() => queue.close())
    await queue.ping()
    proxy.dropResponses((request) => !String(request).includes(channelClose))
    const publication = queue.publish(world.nameOf('work'), message('a'))
    await t.assert.rejects(withTimeout(5_000, publication), isAppError('dependency_down'))
    await proxy.pass()
    await until(async () =>
      queue.publish(world.nameOf('work'), message('b')).then(
        () => true,
        () => false,
      ),
    )
  })

  test('amqp: an unavailable broker is reported at once, without its password', async (t: TestContext) => {
    const queue = await openQueue('amqp://somebody:secret@127.0.0.1:1')
    t.after(() => queue.close())
    const refusal = await queue.publish('work', message('a')).catch((error: unknown) => error)
    t.assert.ok(isAppError('dependency_down')(refusal))
    t.assert.doesNotMatch(String(refusal), /secret/)
    const startedAt = performance.now()
    await t.assert.rejects(queue.ping(), isAppError('dependency_down'))
    t.assert.ok(performance.now() - startedAt < 1_000)
  })
}

/** Whether another program can declare the queue durable and without arguments. */
async function declarationOf(t: TestContext, url: string, name: string): Promise<() => Promise<boolean>> {
  const connection = await connect(url)
  connection.on('error', () => {})
  t.after(() => connection.close().catch(() => {}))
  return async () => {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    const isDeclared = await channel.assertQueue(name, { durable: true }).then(
      () => true,
      () => false,
    )
    await channel.close().catch(() => {})
    return isDeclared
  }
}

async function openConfirmChannel(t: TestContext, url: string): Promise<ConfirmChannel> {
  const connection = await connect(url)
  connection.on('error', () => {})
  t.after(() => connection.close().catch(() => {}))
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  return channel
}
