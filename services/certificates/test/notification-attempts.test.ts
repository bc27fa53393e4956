import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { FailedAttempt, HandlingStopped } from '@quintet/chassis/queue'
import { AppError } from '@quintet/chassis/errors'
import { createLogger } from '@quintet/chassis/telemetry'
import { createNotificationHandler } from '../src/consumer.ts'
import type { Progress } from '../src/notification-store.ts'
import { secret, startReceiver } from './start-receiver.ts'

/** The handler over a log that a test writes, and a receiver. */
async function createHandler(t: TestContext, progressOf: () => Promise<Progress | undefined>, status = 503) {
  const { received, settings } = await startReceiver(t, () => status)
  const logged: string[] = []
  const stopping = new AbortController()
  const handle = createNotificationHandler({
    notifications: {
      progressOf,
      logAttempt: async (_id, _attempt, status) => void logged.push(status),
    },
    receiver: { url: settings.CERTIFICATES_NOTIFY_URL, secret, timeoutMs: 5_000 },
    attemptsMax: 3,
    clock: { now: () => 0 },
    logger: createLogger({ service: 'certificates', level: 'silent' }),
    stopping: stopping.signal,
  })
  const body = JSON.stringify({ event: 'certificate.active_changed', body: '{}' })
  return {
    received,
    logged,
    stopping,
    deliver: (attempt: number) => handle({ id: 'a', key: '1', body, attempt }),
  }
}

const failedAttempt = (attempt: number) => (error: unknown) =>
  error instanceof FailedAttempt && error.attempt === attempt

test('A notification that was delivered already is not sent again when the queue delivers it once more', async (t) => {
  const { deliver, received, logged } = await createHandler(t, async () => ({
    status: 'delivered',
    attempts: 1,
  }))
  await deliver(1)
  assert.deepEqual([received.length, logged], [0, []])
})

for (const [attempts, of, status] of [
  [1, 2, 'pending'],
  [2, 3, 'failed'],
  [3, 1, 'pending'],
] as const)
  test(`After ${attempts} logged attempts of 3 the next one is number ${of}, whatever the queue has counted`, async (t) => {
    const { deliver, logged } = await createHandler(t, async () => ({ status: 'pending', attempts }))
    await assert.rejects(deliver(1), failedAttempt(of))
    assert.deepEqual(logged, [status])
  })

test('Without a log, which its certificate has taken along, the queue counts the attempts', async (t) => {
  const { deliver, logged } = await createHandler(t, async () => undefined)
  await assert.rejects(deliver(3), failedAttempt(3))
  assert.deepEqual(logged, ['failed'])
})

test('While the database is unavailable a notification waits, which is no attempt', async (t) => {
  let isUp = false
  const unavailable = new AppError('dependency_down', 'The database does not respond.')
  const read = async () => {
    if (!isUp) throw unavailable
    return { status: 'pending' as const, attempts: 0 }
  }
  const { deliver, received, logged, stopping } = await createHandler(t, read, 204)
  const delivering = deliver(1)
  isUp = true
  await delivering
  assert.deepEqual([received.length, logged], [1, ['delivered']])
  isUp = false
  const stopped = deliver(1)
  stopping.abort()
  await assert.rejects(stopped, HandlingStopped)
  assert.equal(received.length, 1)
})
