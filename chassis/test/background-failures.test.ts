import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { createRelay } from '@quintet/chassis/outbox'
import { openQueue, PoisonMessage } from '@quintet/chassis/queue'
import { startSweeper } from '@quintet/chassis/sweeper'
import { createMetrics } from '@quintet/chassis/telemetry'
import { watchDependencies } from '../src/http/watch-dependencies.ts'
import { createLines } from './log-lines.ts'
import { createSampleApp } from './sample-app.ts'
import { until } from './testing.ts'

type Line = { level: string; msg: string; queue?: string; reason?: string; messageId?: string }

async function openTestQueue(t: TestContext) {
  const { logger, lines } = createLines<Line>()
  const queue = await openQueue('sqlite::memory:', { logger })
  t.after(queue.close)
  return { queue, lines }
}

test('Messages that fail again and again have one line with their reason, and one when they are handled', async (t) => {
  const { queue, lines } = await openTestQueue(t)
  let attempts = 0
  const handler = async () => {
    attempts += 1
    if (attempts < 10) throw new Error('The receiver is away.')
  }
  queue.consume('work', handler, { attemptsMax: 100, backoffMs: () => 1 })
  await queue.publish('work', { id: 'm1', key: '', body: '' })
  await until(() => attempts === 10 && lines.length === 2)
  assert.deepEqual(
    lines.map(({ level, queue: name, reason, messageId }) => ({ level, name, reason, messageId })),
    [
      { level: 'warn', name: 'work', reason: 'The receiver is away.', messageId: 'm1' },
      { level: 'info', name: 'work', reason: undefined, messageId: undefined },
    ],
  )
  assert.match(lines[0]?.msg ?? '', /^messages fail and are retried: fix the cause/)
})

test('A message that becomes a dead letter is not one that is handled again', async (t) => {
  const { queue, lines } = await openTestQueue(t)
  queue.consume(
    'work',
    async ({ id }) => {
      if (id === 'm1') throw new Error('It is never handled.')
    },
    { attemptsMax: 3, backoffMs: () => 1 },
  )
  await queue.publish('work', { id: 'm1', key: '', body: '' })
  await until(async () => (await queue.depth('work.dead')) === 1)
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['warn', 'warn'],
  )
  await queue.publish('work', { id: 'm2', key: '', body: '' })
  await until(() => lines.length === 3)
  assert.equal(lines[2]?.msg, 'messages are handled again')
})

test('Dead letters have one line that says how to look at them, however many there are', async (t) => {
  const { queue, lines } = await openTestQueue(t)
  queue.consumeBatches('work', async () => {
    throw new PoisonMessage('It is not JSON.')
  })
  for (let i = 0; i < 20; i += 1) await queue.publish('work', { id: `m${i}`, key: '', body: '' })
  await until(() => lines.length > 0)
  await until(async () => (await queue.depth('work.dead')) === 20)
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.reason, 'It is not JSON.')
  assert.match(
    lines[0]?.msg ?? '',
    /^messages became dead letters: fix .* quintet queue show work\.dead lists them$/,
  )
})

test('An outbox whose messages cannot be published has one line, and one when they are', async (t) => {
  const { logger, lines } = createLines<Line>()
  let isDown = true
  let publications = 0
  const publishAll = async () => {
    publications += 1
    if (isDown) throw new Error('The broker is away.')
  }
  const row = { id: 1, queue: 'work', message_id: 'm', key: '', keys: null, body: '' }
  let rows = [row]
  const relay = createRelay({
    clock: systemClock,
    logger,
    queue: { publishAll },
    outbox: {
      oldest: async () => rows,
      takeLease: async () => 'source',
      remove: async (published) => {
        if (published.length > 0) rows = []
      },
      backlog: async () => ({ rows: 0 }),
    },
  })
  t.after(relay.stop)
  relay.wake()
  await until(() => publications >= 3)
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.reason, 'The broker is away.')
  assert.match(lines[0]?.msg ?? '', /^messages cannot be published and wait in the outbox: check that /)
  isDown = false
  await until(() => lines.length === 2)
  assert.equal(lines[1]?.msg, 'messages of the outbox are published again')
})

test('A sweeper that fails has one line, and one when it succeeds', async (t) => {
  const { logger, lines } = createLines<Line>()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let rounds = 0
  const sweep = async () => {
    rounds += 1
    if (rounds < 5) throw new Error('The database is away.')
    return 0
  }
  const sweeper = startSweeper([sweep], logger)
  for (let round = 1; round <= 7; round += 1) {
    t.mock.timers.tick(1_000)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    assert.equal(rounds, round)
  }
  await sweeper.stop()
  assert.deepEqual(
    lines.map(({ level, reason }) => [level, reason]),
    [
      ['warn', 'The database is away.'],
      ['info', undefined],
    ],
  )
})

test('A dependency that does not respond has one line and a metric without anybody reading the readiness, and so when it does', async (t) => {
  const { logger, lines } = createLines<Line>()
  const app = await createSampleApp(t)
  let [isAway, failures] = [false, 0]
  const ping = async () => {
    if (!isAway) return
    failures += 1
    throw new Error('connect to redis://:hunter2@host failed')
  }
  const metrics = createMetrics()
  const stateOf = async (name: string) =>
    new RegExp(`^quintet_dependency_up{dependency="${name}"} (\\d)$`, 'm').exec(await metrics.text())?.[1]
  watchDependencies(app, { cache: ping, database: async () => {} }, { logger, metrics, everyMs: 2 })
  await until(async () => (await stateOf('cache')) === '1')
  isAway = true
  await until(() => failures > 5)
  assert.deepEqual([await stateOf('cache'), await stateOf('database')], ['0', '1'])
  isAway = false
  await until(() => lines.length === 2)
  assert.equal(await stateOf('cache'), '1')
  assert.equal(lines[0]?.reason, 'connect to redis://:[redacted]@host failed')
  assert.match(lines[0]?.msg ?? '', /^the cache does not respond, .* quintet doctor$/)
  assert.equal(lines[1]?.msg, 'the cache responds again')
})
