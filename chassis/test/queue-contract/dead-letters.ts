import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { followReplay, PoisonMessage } from '@quintet/chassis/queue'
import type { Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import { until } from '../testing.ts'
import { ids, isAppError, message } from './world.ts'
import type { CreateWorld } from './world.ts'

/** The part of the contract of `QueueAdmin` that is about dead letters. */
export function testDeadLetters(name: string, createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  describe(`dead letters: ${name}`, () => {
    test('dead letters can be replayed and dropped one by one and all at once', async (t: TestContext) => {
      const queue = await createWorld(t).open()
      await bury(queue, 20)
      t.assert.deepEqual(ids(await queue.dropDead('work.dead', { ids: ['m3'] })), ['m3'])
      t.assert.deepEqual(await queue.dropDead('work.dead', { ids: ['m3'] }), [])
      t.assert.equal((await queue.replay('work.dead', {})).length, 19)
      t.assert.equal(await queue.depth('work'), 19)
      t.assert.equal(await queue.purge('work'), 19)
      t.assert.equal(await queue.depth('work'), 0)
    })

    test('dead letters are counted by reason, with the times of their last failures', async (t: TestContext) => {
      const world = createWorld(t)
      const queue = await world.open()
      await bury(queue, 6, (id) => (Number(id.slice(1)) < 4 ? 'the first' : 'another'))
      const { groups, total, seen } = await queue.reasons('work.dead')
      t.assert.deepEqual([total, seen], [6, 6])
      t.assert.deepEqual(
        groups.map(({ reason, count }) => [reason, count]),
        [
          ['the first', 4],
          ['another', 2],
        ],
      )
      const letters = await queue.list('work.dead', { reason: 'the first' })
      t.assert.deepEqual(ids(letters), ['m0', 'm1', 'm2', 'm3'])
      const times = letters.map(({ failedAt = 0 }) => failedAt)
      t.assert.deepEqual([groups[0]?.firstAt, groups[0]?.lastAt], [Math.min(...times), Math.max(...times)])
      t.assert.deepEqual(ids(await queue.list('work.dead', { reason: 'another', limit: 1 })), ['m4'])
      t.assert.deepEqual((await queue.reasons('other.dead')).groups, [])
    })

    test('only dead letters can be replayed, dropped as such, and counted by reason', async (t: TestContext) => {
      const queue = await createWorld(t).open()
      await queue.publish('work', message('a'))
      await t.assert.rejects(queue.replay('work', {}), isAppError('invalid'))
      await t.assert.rejects(queue.dropDead('work', {}), isAppError('invalid'))
      await t.assert.rejects(queue.reasons('work'), isAppError('invalid'))
      t.assert.equal(await queue.depth('work'), 1)
    })
  })
  describe(`chosen dead letters: ${name}`, () => testChoices(createWorld))
  describe(`replayed dead letters: ${name}`, () => testReplays(createWorld))
}

function testChoices(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('of the dead letters of a reason the oldest are moved, and all others stay where they were', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await bury(queue, 9, (id) => (Number(id.slice(1)) % 3 === 0 ? 'the first' : 'another'))
    // Brokers differ in the order of messages without a key.
    const before = await queue.list('work.dead')
    const oldest = ids(before.filter(({ reason }) => reason === 'another').slice(0, 3))
    const replayed = await queue.replay('work.dead', { reason: 'another', first: 3 })
    t.assert.deepEqual(
      replayed.map(({ id, reason }) => [id, reason]),
      oldest.map((id) => [id, 'another']),
    )
    t.assert.deepEqual(ids(await queue.list('work')).sort(), oldest.toSorted())
    const gone = new Set([...oldest, 'm3'])
    const chosen = ['m3', ...oldest]
    t.assert.deepEqual(ids(await queue.dropDead('work.dead', { ids: chosen, reason: 'the first' })), ['m3'])
    const left = ids(before).filter((id) => !gone.has(id))
    t.assert.deepEqual(ids(await queue.list('work.dead')).sort(), left.sort())
  })

  test('a move of another number of dead letters than expected is refused, and changes nothing', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await bury(queue, 5)
    for (const [choice, expect] of [
      [{}, 4],
      [{ ids: ['m1', 'gone'] }, 2],
      [{ reason: 'never' }, 1],
      [{ first: 3 }, 3],
    ] as const) {
      await t.assert.rejects(queue.replay('work.dead', choice, { expect }), isAppError('precondition_failed'))
      await t.assert.rejects(
        queue.dropDead('work.dead', choice, { expect }),
        isAppError('precondition_failed'),
      )
    }
    t.assert.equal((await queue.list('work.dead')).length, 5)
    t.assert.equal(await queue.depth('work'), 0)
    t.assert.equal((await queue.replay('work.dead', { first: 3 }, { expect: 5 })).length, 3)
  })

  test('a move has a pace, reports what it has moved, and can be ended', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await bury(queue, 5)
    const letters = ids(await queue.list('work.dead'))
    const ending = new AbortController()
    const progress: [number, number][] = []
    const startedAt = performance.now()
    const moved = await queue.replay(
      'work.dead',
      {},
      {
        perSecond: 10,
        signal: ending.signal,
        onProgress(chosen, letters) {
          progress.push([chosen, letters.length])
          if (progress.length === 4) ending.abort()
        },
      },
    )
    t.assert.ok(performance.now() - startedAt >= 190, 'two pauses of 100 ms')
    t.assert.deepEqual(progress, [
      [5, 0],
      [5, 1],
      [5, 1],
      [5, 1],
    ])
    t.assert.deepEqual(ids(moved), letters.slice(0, 3))
    t.assert.deepEqual(ids(await queue.list('work.dead')).sort(), letters.slice(3).sort())
  })
}

function testReplays(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('a message that is replayed keeps its id and its headers, and is found dead again with its reason', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
    await queue.publish('work', { ...message('a'), headers })
    await bury(queue, 1, () => 'the first')
    t.assert.deepEqual((await queue.list('work.dead'))[0]?.headers, headers)
    t.assert.equal((await queue.replay('work.dead', {})).length, 2)
    t.assert.deepEqual(await queue.deadAmong('work.dead', new Set(['a'])), [])
    await bury(queue, 0, () => 'another')
    const found = await queue.deadAmong('work.dead', new Set(['a', 'gone']))
    t.assert.deepEqual(
      found.map(({ id, reason }) => [id, reason]),
      [['a', 'another']],
    )
    const [letter] = await queue.list('work.dead')
    t.assert.deepEqual([letter?.headers, letter?.attempts], [headers, 1])
  })

  test('what becomes of replayed messages is followed: done, dead again for the same or another reason, and waiting', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    let now = 0
    await bury(queue, 6)
    const watch = followReplay(queue, 'work', () => now)
    watch.add(await queue.replay('work.dead', {}))
    const waiting = await watch.look()
    t.assert.deepEqual([waiting.waiting, waiting.done, waiting.isOver], [6, 0, false])
    await bury(queue, 0, (id) => (id === 'm2' ? 'all fail' : id === 'm3' ? 'another' : undefined))
    await until(async () => {
      now += 20_000
      return (await watch.look()).isOver
    })
    const { reasons, isCertain, ...over } = await watch.look()
    t.assert.deepEqual(over, {
      replayed: 6,
      done: 4,
      deadAgain: 2,
      sameReason: 1,
      waiting: 0,
      isOver: true,
    })
    t.assert.deepEqual([...reasons].sort(), [
      ['all fail', 1],
      ['another', 1],
    ])
    t.assert.equal(isCertain, queue.lookEffect === undefined)
  })
}

/**
 * Publishes so many messages, and consumes all that the queue has until none is left: each fails at once for its reason, or is handled where
 * it has none.
 */
async function bury(
  queue: Queue<UnkeyedMessage>,
  count: number,
  reasonOf: (id: string) => string | undefined = () => 'all fail',
): Promise<void> {
  const published = Array.from({ length: count }, (_, i) => message(`m${i}`))
  if (count > 0) await queue.publishAll('work', published)
  const left = new Set((await queue.list('work', { limit: 1_000 })).map(({ id }) => id))
  const dead = await queue.depth('work.dead')
  const failing = [...left].filter((id) => reasonOf(id) !== undefined).length
  const consumer = queue.consume(
    'work',
    async ({ id }) => {
      left.delete(id)
      const reason = reasonOf(id)
      if (reason !== undefined) throw new PoisonMessage(reason)
    },
    { concurrency: 1 },
  )
  await until(async () => left.size === 0 && (await queue.depth('work.dead')) === dead + failing)
  await consumer.stop()
}
