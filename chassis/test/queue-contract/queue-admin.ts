import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import { until } from '../testing.ts'
import { ids, message } from './world.ts'
import type { CreateWorld } from './world.ts'

/** The contract of `QueueAdmin`. */
export function testQueueAdmin(name: string, createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  describe(`queue admin: ${name}`, () => {
    test('messages are listed page by page, oldest first, and queues with their depth', async (t: TestContext) => {
      const world = createWorld(t)
      const queue = await world.open()
      await queue.publishAll('work', [message('a'), message('b'), message('c')])
      await queue.publish('other', message('x'))
      await world.pass(1000)
      const page = await queue.list('work', { limit: 2 })
      t.assert.deepEqual(ids(page), ['a', 'b'])
      t.assert.deepEqual(ids(await queue.list('work', { limit: 2, after: page[1]?.position ?? 0 })), ['c'])
      let queues = await queue.queues()
      await until(async () => {
        queues = await queue.queues()
        return JSON.stringify(queues.map(({ name, depth }) => [name, depth])) === '[["other",1],["work",3]]'
      })
      t.assert.ok(queues.every(({ oldestAgeMs = 1000 }) => oldestAgeMs >= 1000))
    })

    test('the age of the oldest live message is known where the broker has it, and that of an empty queue is 0', async (t: TestContext) => {
      const world = createWorld(t)
      const queue = await world.open()
      t.assert.equal((await queue.oldestAgeMs?.('work')) ?? 0, 0)
      await queue.publish('other', message('x'))
      await world.pass(1000)
      await queue.publish('work', message('a'))
      await world.pass(1000)
      await queue.publish('work', message('b'))
      const ageMs = (await queue.oldestAgeMs?.('work')) ?? 1000
      t.assert.ok(ageMs >= 1000 && ageMs < 2000, `${ageMs} ms`)
    })
  })
}
