import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openQueue } from '@quintet/chassis/queue'
import type { Message, Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import { connect } from 'amqplib'
import type { Channel } from 'amqplib'
import type { World } from './queue-contract/world.ts'

type AmqpWorld<M extends Message> = World<Queue<M>> & { nameOf(queue: string): string }

/** Queues with a prefix of their own, which are deleted after the test. */
export function createWorld(t: TestContext, url: string): AmqpWorld<UnkeyedMessage> {
  return createWorldOf(t, url, openQueue)
}

/** The same, of queues that are opened in another way. */
export function createWorldOf<M extends Message>(t: TestContext, url: string, open: Open<M>): AmqpWorld<M> {
  const prefix = `test-${randomBytes(6).toString('hex')}.`
  const opened: Queue<M>[] = []
  t.after(async () => {
    await Promise.all(opened.map((queue) => queue.close()))
    const channel = await openChannel(t, url)
    for (const name of ['work', 'one', 'two', 'other'])
      for (const suffix of ['', '.dead', '.quorum', ...pauses.map((ms) => `.quorum.retry.${ms}`)])
        await channel.deleteQueue(`${prefix}${name}${suffix}`)
  })
  return {
    url,
    nameOf: (queue) => `${prefix}${queue}`,
    pass: (ms) => pause(ms),
    async open() {
      const queue = await open(url)
      opened.push(queue)
      return named(queue, prefix)
    },
  }
}

type Open<M extends Message> = (url: string) => Promise<Queue<M>>

const pauses = [100, 400, 1_600, 6_400]

function named<M extends Message>(queue: Queue<M>, prefix: string): Queue<M> {
  return {
    ...queue,
    publish: (name, ...rest) => queue.publish(prefix + name, ...rest),
    publishAll: (name, ...rest) => queue.publishAll(prefix + name, ...rest),
    consume: (name, ...rest) => queue.consume(prefix + name, ...rest),
    consumeBatches: (name, ...rest) => queue.consumeBatches(prefix + name, ...rest),
    depth: (name) => queue.depth(prefix + name),
    list: (name, ...rest) => queue.list(prefix + name, ...rest),
    replay: (name, ...rest) => queue.replay(prefix + name, ...rest),
    redeclare: (name) => queue.redeclare?.(prefix + name) ?? Promise.resolve(0),
    dropDead: (name, ...rest) => queue.dropDead(prefix + name, ...rest),
    reasons: (name) => queue.reasons(prefix + name),
    deadAmong: (name, ids) => queue.deadAmong(prefix + name, ids),
    purge: (name) => queue.purge(prefix + name),
    async queues() {
      const queues = await queue.queues()
      return queues
        .filter(({ depth }) => depth > 0)
        .map((one) => ({ ...one, name: one.name.slice(prefix.length) }))
        .sort((a, b) => a.name.localeCompare(b.name))
    },
  }
}

export async function openChannel(t: TestContext, url: string): Promise<Channel> {
  const connection = await connect(url)
  connection.on('error', () => {})
  t.after(() => connection.close().catch(() => {}))
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  return channel
}
