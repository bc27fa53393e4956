import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { openKeyedQueue, PoisonMessage, runQueueCommand } from '@quintet/chassis/queue'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createGate, ids, isAppError, message } from './queue-contract/world.ts'
import { until } from './testing.ts'

const startMs = Date.UTC(2030, 0, 1)

/** Two brokers, for events and for orders, and the command over both. */
async function createWorld(t: TestContext) {
  const clock = createManualClock(startMs)
  const [first, second] = [
    await openKeyedQueue('sqlite::memory:', { clock }),
    await openKeyedQueue('sqlite::memory:', { clock }),
  ]
  t.after(() => Promise.all([first.close(), second.close()]))
  return {
    clock,
    first,
    second,
    run: (...words: string[]) => runQueueCommand([first, second], words, { patienceMs: 0 }),
  }
}

/** A world in which `work` has two dead letters, a and b. */
async function withDeadLetters(t: TestContext) {
  const world = await createWorld(t)
  await world.second.publishAll('work', [message('a', 'k'), { ...message('b'), headers: { from: 'a test' } }])
  const consumer = world.second.consume('work', async ({ id }) => {
    throw new PoisonMessage(`${id} is poison`)
  })
  await until(async () => (await world.second.depth('work.dead')) === 2)
  await consumer.stop()
  return world
}

test('list prints the queues of all brokers, with the number of messages and the age of the oldest', async (t) => {
  const { first, second, clock, run } = await createWorld(t)
  assert.equal(await run('list'), 'There are no queues yet.\n')
  await first.publish('guid.commands', message('a'))
  clock.advance(3 * 3_600_000)
  await second.publishAll(
    'billing_queue',
    Array.from({ length: 12 }, (_, i) => message(`m${i}`)),
  )
  clock.advance(119_999)
  await second.publish('empty', message('a'))
  await second.purge('empty')
  assert.equal(
    await run('list'),
    [
      'queue          depth  oldest\n',
      'guid.commands      1     3 h\n',
      'billing_queue     12   119 s\n',
      'empty              0       -\n',
    ].join(''),
  )
})

test('list prints what it can where a broker is away, and reports each that is; other commands need theirs only', async (t) => {
  const { first, second } = await createWorld(t)
  await second.publish('work', message('a'))
  const fault = new AppError('dependency_down', 'guid.commands cannot be read: connect ECONNREFUSED')
  const away = { ...first, queues: () => Promise.reject(fault) }
  const reported: unknown[] = []
  const report = (error: unknown) => void reported.push(error)
  const run = (...words: string[]) => runQueueCommand([away, second], words, { onFailure: report })
  assert.match(await run('list'), /^work +1 /m)
  assert.equal(reported.length, 1)
  assert.equal(reported[0], fault)
  assert.match(await run('show', 'work'), /body of a/)
  await assert.rejects(run('show', 'guid.commands'), (error) => error === fault)
  const none = await runQueueCommand([away], ['list'], { onFailure: report })
  assert.equal(none, '')
  assert.equal(reported.length, 2)
})

test('show prints everything about each message, and the reason of a dead letter', async (t) => {
  const { run } = await withDeadLetters(t)
  const time = '2030-01-01T00:00:00.000Z'
  assert.equal(
    (await run('show', 'work.dead')).replace(/^\d+ /gm, '# '),
    [
      '#  a\n',
      `    published  ${time}\n`,
      '    attempts   1\n',
      `    failed     ${time}\n`,
      '    reason     a is poison\n',
      '    key        k\n',
      '    body       body of a\n',
      '\n',
      '#  b\n',
      `    published  ${time}\n`,
      '    attempts   1\n',
      `    failed     ${time}\n`,
      '    reason     b is poison\n',
      '    headers    {"from":"a test"}\n',
      '    body       body of b\n',
    ].join(''),
  )
  assert.equal(await run('show', 'work'), 'work has no messages.\n')
})

test('show prints a queue page by page, each with the command for the next', async (t) => {
  const { first, run } = await createWorld(t)
  await first.publishAll(
    'work',
    Array.from({ length: 5 }, (_, i) => message(`m${i}`)),
  )
  const seen: string[] = []
  for (let words: string[] | undefined = ['show', 'work', '--limit', '2']; words !== undefined; ) {
    const shown: string = await run(...words)
    seen.push(...[...shown.matchAll(/^\d+ {2}(m\d)$/gm)].map(([, id]) => String(id)))
    const after: string | undefined =
      /^more: npm run quintet -- queue show work --limit 2 --after (\d+)$/m.exec(shown)?.[1]
    words = after === undefined ? undefined : ['show', 'work', '--limit=2', `--after=${after}`]
  }
  assert.deepEqual(seen, ['m0', 'm1', 'm2', 'm3', 'm4'])
})

test('show names no next page where there is none', async (t) => {
  const { first, run } = await createWorld(t)
  await first.publishAll('work', [message('a'), message('b')])
  assert.doesNotMatch(await run('show', 'work', '--limit', '2'), /more/)
  assert.match(await run('show', 'work', '--limit', '1'), /more/)
  await first.publishAll(
    'long',
    Array.from({ length: 1_001 }, (_, i) => message(`m${i}`)),
  )
  assert.match(await run('show', 'long', '--limit', '1000'), /more: .* --limit 1000 --after \d+\n$/)
})

test('Control characters of a message are escaped, and a long body is truncated', async (t) => {
  const { first, run } = await createWorld(t)
  const evil = '\u001b[2J\u0007\r\n\u009b\u202e\u2028\ud800end'
  await first.publish('work', { id: evil, key: evil, body: evil, headers: { evil } })
  const shown = await run('show', 'work')
  assert.doesNotMatch(shown.replaceAll('\n', ''), /[\p{C}\p{Zl}\p{Zp}]/u)
  assert.equal(shown.split('\n').length, 8)
  assert.match(shown, /body +\\u\{1b\}\[2J\\u\{7\}\\u\{d\}\\u\{a\}\\u\{9b\}\\u\{202e\}\\u\{2028\}/)
  await first.publish('long', { ...message('a'), body: 'x'.repeat(1_000_000) })
  assert.match(await run('show', 'long'), /x{2000}… and 998000 more characters\n$/)
})

test('show prints whether a message is ready, waits behind another of its key, or is held by a consumer', async (t) => {
  const gate = createGate(t)
  const { first, run } = await createWorld(t)
  await first.publishAll('work', [message('a', 'k'), message('b', 'k'), message('c')])
  const states = async () =>
    [...(await run('show', 'work')).matchAll(/^\d+ {2}(.)$|^ {4}state +(.*)$/gm)].map(
      ([, id, state]) => id ?? state,
    )
  assert.deepEqual(await states(), ['a', 'ready', 'b', 'ready', 'c', 'ready'])
  const consumer = first.consume('work', () => gate.opened)
  await until(async () => (await states()).includes('behind another'))
  assert.deepEqual(await states(), ['a', 'held or paused', 'b', 'behind another', 'c', 'held or paused'])
  gate.open()
  await consumer.stop()
})

test('replay moves one dead letter, or all, back to its queue, and prints their number and that they wait', async (t) => {
  const { second, run } = await withDeadLetters(t)
  assert.equal(
    await run('replay', 'work.dead', 'b'),
    '1 message moved back to work.\n1 put back: 1 still waiting\n',
  )
  assert.deepEqual(
    (await second.list('work')).map(({ id, attempts }) => [id, attempts]),
    [['b', 0]],
  )
  assert.equal(await run('replay', 'work.dead', 'all', '--no-wait'), '1 message moved back to work.\n')
  assert.equal(await run('replay', 'work.dead', 'all'), '0 messages moved back to work.\n')
  assert.equal(await second.depth('work'), 2)
})

test('replay prints what has become of the messages: done, or dead again with the same reason or another', async (t) => {
  const { first, second } = await withDeadLetters(t)
  await second.publish('work', message('c'))
  const run = (...words: string[]) => runQueueCommand([first, second], words)
  const consume = (reasonOf: (id: string) => string | undefined) =>
    second.consume('work', async ({ id }) => {
      const reason = reasonOf(id)
      if (reason !== undefined) throw new PoisonMessage(reason)
    })
  const failing = consume((id) => (id === 'c' ? 'c is bad' : undefined))
  await until(async () => (await second.depth('work.dead')) === 3)
  await failing.stop()
  const mixed = consume((id) => (id === 'a' ? undefined : `${id} is poison`))
  assert.equal(
    await run('replay', 'work.dead', 'all'),
    '3 messages moved back to work.\n3 put back: 1 done, 2 dead again (1 for the same reason)\n',
  )
  assert.match(await run('replay', 'work.dead', 'b'), /^1 put back: 1 dead again \(same reason\)$/m)
  await mixed.stop()
  const mended = consume(() => undefined)
  assert.match(await run('replay', 'work.dead', 'all'), /^2 put back: 2 done$/m)
  await mended.stop()
})

test('reasons counts dead letters by reason, most first, with the times of the first and the last', async (t) => {
  const { second, clock, run } = await withDeadLetters(t)
  clock.advance(60_000)
  await second.publish('work', message('c'))
  const consumer = second.consume('work', async () => {
    throw new PoisonMessage('a is poison')
  })
  await until(async () => (await second.depth('work.dead')) === 3)
  await consumer.stop()
  assert.equal(
    await run('reasons', 'work.dead'),
    [
      'count  first                     last                      reason\n',
      '    2  2030-01-01T00:00:00.000Z  2030-01-01T00:01:00.000Z  a is poison\n',
      '    1  2030-01-01T00:00:00.000Z  2030-01-01T00:00:00.000Z  b is poison\n',
    ].join(''),
  )
  await second.dropDead('work.dead', {})
  assert.equal(await run('reasons', 'work.dead'), 'work.dead has no messages.\n')
})

test('A letter that fails again after a replay has the time of that failure', async (t) => {
  const { second, clock, run } = await withDeadLetters(t)
  clock.advance(60_000)
  await second.replay('work.dead', { ids: ['a'] })
  const consumer = second.consume('work', async () => {
    throw new PoisonMessage('a is poison')
  })
  await until(async () => (await second.depth('work.dead')) === 2)
  await consumer.stop()
  const line = /1 {2}2030-01-01T00:01:00\.000Z {2}2030-01-01T00:01:00\.000Z {2}a is poison/
  assert.match(await run('reasons', 'work.dead'), line)
})

test('show, replay and drop choose dead letters by their reason, and of them the first', async (t) => {
  const { second, run } = await withDeadLetters(t)
  const shown = await run('show', 'work.dead', '--reason', 'b is poison')
  assert.match(shown, /^\d+ {2}b$/m)
  assert.doesNotMatch(shown, /^\d+ {2}a$/m)
  assert.equal(await run('show', 'work.dead', '--reason=none'), 'work.dead has no messages of this reason.\n')
  assert.match(
    await run('replay', 'work.dead', '--reason', 'b is poison', '--per-second', '100'),
    /^1 message moved back/,
  )
  assert.deepEqual(ids(await second.list('work')), ['b'])
  assert.equal(await run('drop', 'work.dead', '--reason', 'none'), '0 messages removed from work.dead.\n')
  assert.equal(await run('drop', 'work.dead', '--first', '1'), '1 message removed from work.dead.\n')
  assert.equal(await second.depth('work.dead'), 0)
})

test('show names the command for the next page of a reason as the shell takes it', async (t) => {
  const { second, run } = await createWorld(t)
  await second.publishAll('work', [message('a'), message('b')])
  const consumer = second.consume('work', async () => {
    throw new PoisonMessage("it's bad")
  })
  await until(async () => (await second.depth('work.dead')) === 2)
  await consumer.stop()
  assert.match(
    await run('show', 'work.dead', '--reason', "it's bad", '--limit', '1'),
    /more: npm run quintet -- queue show work\.dead --reason 'it'\\''s bad' --limit 1 --after \d+\n$/,
  )
})

test('A broker on which a look has an effect says so with each look', async (t) => {
  const { second } = await withDeadLetters(t)
  const broker = { ...second, lookEffect: 'It takes messages.' }
  for (const words of [
    ['show', 'work.dead'],
    ['reasons', 'work.dead'],
  ])
    assert.match(await runQueueCommand([broker], words), /\nIt takes messages\.\n$/)
})

test('drop removes one message, or all, and prints their number', async (t) => {
  const { second, run } = await withDeadLetters(t)
  assert.equal(await run('drop', 'work.dead', 'a'), '1 message removed from work.dead.\n')
  await second.publishAll('work', [message('c'), message('d')])
  assert.equal(await run('drop', 'work', 'all'), '2 messages removed from work.\n')
  assert.deepEqual([await second.depth('work'), await second.depth('work.dead')], [0, 1])
})

test('drop refuses a single message that waits on a broker that cannot remove it, and names what it can do', async (t) => {
  const { second } = await withDeadLetters(t)
  const { dropWaiting: _, ...broker } = second
  await second.publish('work', message('c'))
  const run = (...words: string[]) => runQueueCommand([broker], words)
  await assert.rejects(
    run('drop', 'work', 'c'),
    /cannot remove a single message from a queue; "all" removes all/,
  )
  assert.equal(await run('drop', 'work.dead', 'a'), '1 message removed from work.dead.\n')
  assert.equal(await run('drop', 'work', 'all'), '1 message removed from work.\n')
})

test('A queue without dead letters has an empty queue of dead letters, not an unknown one', async (t) => {
  const { first, run } = await createWorld(t)
  await first.publish('work', message('a'))
  assert.equal(await run('replay', 'work.dead', 'all'), '0 messages moved back to work.\n')
  assert.equal(await run('show', 'work.dead'), 'work.dead has no messages.\n')
})

for (const [words, sentence] of [
  [['show', 'wrok'], /^There is no queue wrok; the queues are work, work\.dead\.$/],
  [['drop', '\u001b[2J', 'all'], /^There is no queue \\u\{1b\}\[2J;/],
  [['replay', 'work.dead', 'x'], /^There is no message x in work\.dead\.$/],
  [['drop', 'work', 'a'], /^There is no message a in work\.$/],
  [['replay', 'work', 'all'], /work is not a queue of dead letters/],
  [['show', 'work', '--limit', '0'], /^--limit must be a whole number from 1 to 1000\.$/],
  [['show', 'work', '--limit', 'x'], /^--limit must be/],
  ...['1e2', '0x10', '1.0', '', ' 1', '+1', '0b1', '1001'].map(
    (value) => [['show', 'work', `--limit=${value}`], /^--limit must be a whole number/] as const,
  ),
  ...['-1', '1e3', '0x10', '', '9'.repeat(17)].map(
    (value) => [['show', 'work', `--after=${value}`], /^--after must be a position/] as const,
  ),
  [['show', 'work', '--limti', '1'], /^There is no option --limti\. Did you mean --limit\?\n/],
  [['show', 'work', '--all'], /^There is no option --all\.\n[\s\S]*\n {2}quintet queue show <queue>/],
  [[], /^quintet queue needs one of these commands:\n\n {2}quintet queue list /],
  [
    ['lsit'],
    /^"lsit" is not a command of quintet queue\. Did you mean list\? It has these:\n\n {2}quintet queue list /,
  ],
  [['constructor'], /^"constructor" is not a command/],
  [['list', 'work'], /^quintet queue list has no argument "work"\.\n\n {2}quintet queue list/],
  [['list', '--limit', '1'], /^quintet queue list has no option --limit\.\n[\s\S]*\[--limit <count>\]/],
  [['replay', 'work.dead', 'a', '--limit', '1'], /^quintet queue replay has no option --limit\./],
  [['drop', 'work.dead', 'a', '--no-wait'], /^quintet queue drop has no option --wait\./],
  [
    ['replay', 'work.dead', 'all', '--expect', '3'],
    /^work\.dead has 2 such dead letters now, and not 3; nothing/,
  ],
  [['drop', 'work.dead', 'all', '--expect=1'], /^work\.dead has 2 such dead letters now, and not 1; nothing/],
  [
    ['drop', 'work', '--reason', 'x'],
    /^--reason, --first and --expect are for dead letters, and work is not/,
  ],
  [['replay', 'work.dead', '--first', '0'], /^--first must be a whole number from 1 to 10000\.$/],
  [
    ['replay', 'work.dead', 'all', '--per-second', '1e3'],
    /^--per-second must be a whole number from 1 to 1000\.$/,
  ],
  [['replay', 'work.dead', 'all', '--expect', '-1'], /--expect/],
  [['reasons', 'work'], /work is not a queue of dead letters/],
  [['show'], /^quintet queue show needs a queue\.\n[\s\S]*quintet queue show <queue>/],
  [['redeclare'], /^quintet queue redeclare needs a queue\./],
  [['replay'], /^quintet queue replay needs a queue and an id\./],
  [['drop', 'work'], /^quintet queue drop needs an id\.\n[\s\S]*quintet queue drop <queue> <id>/],
  [['drop', 'work', 'a', 'b'], /^quintet queue drop has no argument "b"\./],
] as const)
  test(`Invalid arguments are refused with a message that helps, and nothing is changed: queue ${JSON.stringify(words)}`, async (t) => {
    const { second, run } = await withDeadLetters(t)
    await assert.rejects(run(...words), (error) => error instanceof AppError && sentence.test(error.message))
    assert.deepEqual([await second.depth('work'), await second.depth('work.dead')], [0, 2])
  })

test('An unavailable broker is reported', async (t) => {
  const { first, run } = await createWorld(t)
  await first.close()
  await assert.rejects(run('list'), isAppError('dependency_down'))
})
