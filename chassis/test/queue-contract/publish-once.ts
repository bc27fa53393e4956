import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { OncePublisher, Queue } from '@quintet/chassis/queue'
import { ids, isAppError, message, take } from './world.ts'
import type { CreateWorld } from './world.ts'

const once = { key: 'k-1', forMs: 10_000 }

/** The contract of `OncePublisher`, for brokers that store the keys. */
export function testPublishOnce(name: string, createWorld: CreateWorld<Queue & OncePublisher>): void {
  describe(`publish once: ${name}`, () => {
    test('a message is not stored again while its key stands for it, even after it was handled', async (t: TestContext) => {
      const world = createWorld(t)
      const queue = await world.open()
      t.assert.equal(await queue.publishOnce('work', message('a'), once), 'published')
      t.assert.equal(await queue.publishOnce('work', message('a'), once), 'repeated')
      t.assert.deepEqual(ids(await take(queue, 1)), ['a'])
      await world.pass(9_999)
      t.assert.equal(await queue.publishOnce('work', message('a'), once), 'repeated')
      t.assert.equal(await queue.depth('work'), 0)
      await world.pass(1)
      t.assert.equal(await queue.publishOnce('work', message('a'), once), 'published')
      t.assert.equal(await queue.depth('work'), 1)
    })

    test('another message under the same key is a conflict for as long as the key stands for the first', async (t: TestContext) => {
      const world = createWorld(t)
      const queue = await world.open()
      await queue.publishOnce('work', message('a'), once)
      await t.assert.rejects(queue.publishOnce('work', message('b'), once), isAppError('conflict'))
      t.assert.equal(await queue.publishOnce('work', message('b'), { ...once, key: 'k-2' }), 'published')
      t.assert.equal(await queue.publishOnce('other', message('b'), once), 'published')
      t.assert.deepEqual(ids(await queue.list('work')), ['a', 'b'])
      await world.pass(10_000)
      t.assert.equal(await queue.publishOnce('work', message('c'), once), 'published')
    })

    test('of 100 concurrent publications under one key through two clients exactly one is stored', async (t: TestContext) => {
      const world = createWorld(t)
      const clients = [await world.open(), await world.open()]
      const outcomes = await Promise.allSettled(
        Array.from({ length: 100 }, (_, i) =>
          clients[i % 2]?.publishOnce('work', message(i % 4 < 2 ? 'a' : 'b'), once),
        ),
      )
      const [winner, ...others] = ids((await clients[0]?.list('work')) ?? [])
      t.assert.deepEqual(others, [])
      for (const [i, outcome] of outcomes.entries()) {
        const isSame = (i % 4 < 2 ? 'a' : 'b') === winner
        t.assert.ok(isSame ? outcome.status === 'fulfilled' : isConflict(outcome), `${i}: ${outcome.status}`)
      }
      t.assert.equal(outcomes.filter((one) => 'value' in one && one.value === 'published').length, 1)
    })

    test('a publication that a full queue rejects does not take its key', async (t: TestContext) => {
      const queue = await createWorld(t).open()
      await queue.publish('work', message('a'), { limit: 1 })
      await t.assert.rejects(
        queue.publishOnce('work', message('b'), once, { limit: 1 }),
        isAppError('overloaded'),
      )
      t.assert.equal(await queue.publishOnce('work', message('c'), once, { limit: 2 }), 'published')
    })
  })
}

function isConflict(outcome: PromiseSettledResult<unknown>): boolean {
  return outcome.status === 'rejected' && isAppError('conflict')(outcome.reason)
}
