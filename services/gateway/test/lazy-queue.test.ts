import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { openOnceQueue } from '@quintet/chassis/queue'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { openLazyQueue } from '../src/lazy-queue.ts'

const message = { id: 'm', key: '' as const, body: 'body' }
const isAway = (error: unknown) =>
  error instanceof AppError &&
  error.code === 'dependency_down' &&
  error.message === 'The queue is not available; nothing was posted.'

/** A real queue that opens only while `opens` returns true, and the number of attempts. */
function createWorld(t: TestContext, opens: (attempt: number) => boolean) {
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  let attempts = 0
  const open = async () => {
    attempts += 1
    if (!opens(attempts)) throw new Error('connection refused')
    return openOnceQueue('sqlite::memory:', { clock })
  }
  const queue = openLazyQueue({ open, clock })
  t.after(() => queue.close())
  return { queue, clock, attempts: () => attempts }
}

test('The queue is opened at once, and once for all publishers', async (t) => {
  const { queue, attempts } = createWorld(t, () => true)
  assert.equal(attempts(), 1)
  const publishing = Array.from({ length: 10 }, (_, i) =>
    queue.publishOnce('work', { ...message, id: `m${i}` }, { key: `k${i}`, forMs: 1_000 }),
  )
  assert.deepEqual(new Set(await Promise.all(publishing)), new Set(['published']))
  assert.equal(attempts(), 1)
})

test('While it cannot be opened every publication is refused, and opening is retried at most once a second', async (t) => {
  const { queue, clock, attempts } = createWorld(t, (attempt) => attempt === 3)
  for (let i = 0; i < 5; i++) await assert.rejects(queue.publish('work', message), isAway)
  assert.equal(attempts(), 1)
  clock.advance(1_000)
  await assert.rejects(queue.publish('work', message), isAway)
  assert.equal(attempts(), 2)
  clock.advance(1_000)
  await queue.publish('work', message)
  assert.equal(await queue.publishOnce('work', message, { key: 'k', forMs: 1_000 }), 'published')
})

test('Only where something was to be posted, the error says that nothing was', async (t) => {
  const { queue } = createWorld(t, () => false)
  const isOnlyAway = { code: 'dependency_down', message: 'The queue is not available.' }
  await assert.rejects(queue.ping(), isOnlyAway)
  await assert.rejects(queue.messageUnder('work', 'k'), isOnlyAway)
  await assert.rejects(queue.publish('work', message), isAway)
  await assert.rejects(queue.publishOnce('work', message, { key: 'k', forMs: 1_000 }), isAway)
})

test('A queue that fails later gives the same error, and other refusals are passed on', async (t) => {
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const opened = await openOnceQueue('sqlite::memory:', { clock })
  const queue = openLazyQueue({ open: async () => opened, clock })
  t.after(() => queue.close())
  await queue.publish('work', message, { limit: 1 })
  await assert.rejects(
    queue.publish('work', { ...message, id: 'other' }, { limit: 1 }),
    (error) => error instanceof AppError && error.code === 'overloaded',
  )
  await opened.close()
  await assert.rejects(queue.publish('work', message), isAway)
})

test('After closing nothing is opened, even if it closed before the queue was open', async (t) => {
  const { queue, attempts } = createWorld(t, () => true)
  await queue.close()
  await assert.rejects(queue.publish('work', message), isAway)
  assert.equal(attempts(), 1)
})
