import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dependencyDown } from '@quintet/chassis/errors'
import { unavailableAdmin } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { createWorld } from './queue-world.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const messages = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `m${i}`, key: '', body: `body of m${i}` }))

test('Queues are listed with what they hold, the age of the oldest, and rates', async (t) => {
  const { queue, clock, get, bury } = await createWorld(t)
  await queue.publishAll('work', messages(2))
  await bury(() => 'it is poison')
  await queue.publishAll('work', messages(3))
  clock.advance(5_000)
  assert.deepEqual((await get('/api/queues')).json(), {
    data: [
      {
        ...{ name: 'work', broker: 'sqlite', url: 'sqlite:queue.db', service: 'billing', fault: null },
        ...{ live: 3, dead: 2, oldestAgeMs: 5_000, published: 3, done: 2, failed: 1 },
      },
    ],
  })
})

test('Of a broker that is away the figures are null, with the fault; what needs the broker is 503', async (t) => {
  const { get, post } = await createWorld(t, () =>
    unavailableAdmin(dependencyDown('RabbitMQ does not respond.')),
  )
  const { statusCode, ...listed } = await get('/api/queues')
  assert.equal(statusCode, 200)
  const [queue] = listed.json().data
  assert.deepEqual(
    [queue.live, queue.dead, queue.oldestAgeMs, queue.fault],
    [null, null, null, 'RabbitMQ does not respond.'],
  )
  for (const [path, body] of [
    ['look', {}],
    ['reasons', {}],
    ['replay', { all: true, expect: 1 }],
  ] as const) {
    const response = await post(`/api/queues/work.dead/${path}`, body)
    assert.equal(response.statusCode, 503, path)
    assert.match(response.json().detail, /RabbitMQ does not respond/)
  }
})

test('A look shows messages page by page, with the beginning of a long body, their headers and their trace', async (t) => {
  const { queue, post } = await createWorld(t)
  const long = 'ü'.repeat(2_000)
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
  await queue.publishAll('work', [{ id: 'a', key: 'k', body: long, headers }, ...messages(3)])
  const first = (await post('/api/queues/work/look', { limit: 2 })).json()
  assert.equal(first.effect, null)
  const [a, m0] = first.data
  assert.deepEqual(
    { ...a, position: 0 },
    {
      ...{ position: 0, id: 'a', key: 'k', at: Date.UTC(2030, 0, 1), attempts: 0, reason: null },
      ...{ body: long.slice(0, 1_024), bodyBytes: 4_000, headers, traceId },
    },
  )
  assert.deepEqual([m0.id, m0.traceId, m0.headers], ['m0', '', {}])
  const second = (await post('/api/queues/work/look', { limit: 2, after: first.next })).json()
  assert.deepEqual([second.data.map(({ id }: { id: string }) => id), second.next], [['m1', 'm2'], null])
  const whole = (await post('/api/queues/work/look', { whole: 'a' })).json()
  assert.deepEqual([whole.data.length, whole.data[0].body], [1, long])
})

test('A queue that is not there, a message that is not there and a look at too much are refused', async (t) => {
  const { post } = await createWorld(t)
  for (const [path, body, status] of [
    ['wrok/look', {}, 404],
    ['wrok.dead/reasons', {}, 404],
    ['work/look', { whole: 'gone' }, 404],
    ['work/look', { limit: 201 }, 400],
    ['work/look', { limit: 0 }, 400],
    ['work/reasons', {}, 400],
    ['work.dead/reasons', { more: 1 }, 400],
    ['work/replay', { all: true, expect: 0 }, 400],
    ['work.dead/replay', { expect: 0 }, 400],
    ['work.dead/replay', { all: true }, 400],
    ['work.dead/replay', { all: true, reason: 'x', expect: 0 }, 400],
    ['work.dead/drop', { all: true, first: 10_001, expect: 0 }, 400],
    ['work.dead/drop', { all: true, perSecond: 0, expect: 0 }, 400],
  ] as const)
    assert.equal(
      (await post(`/api/queues/${path}`, body)).statusCode,
      status,
      `${path} ${JSON.stringify(body)}`,
    )
})

test('Dead letters are grouped by reason, and can be looked at by reason', async (t) => {
  const { queue, clock, post, bury } = await createWorld(t)
  await queue.publishAll('work', messages(3))
  await bury(() => 'the first')
  clock.advance(1_000)
  await queue.publishAll('work', [{ id: 'x', key: '', body: '' }])
  await bury(() => 'another')
  const at = Date.UTC(2030, 0, 1)
  assert.deepEqual((await post('/api/queues/work.dead/reasons')).json(), {
    data: [
      { reason: 'the first', count: 3, firstAt: at, lastAt: at },
      { reason: 'another', count: 1, firstAt: at + 1_000, lastAt: at + 1_000 },
    ],
    ...{ total: 4, seen: 4, effect: null },
  })
  const { data } = (await post('/api/queues/work.dead/look', { reason: 'another' })).json()
  assert.deepEqual(
    data.map(({ id, reason, attempts }: Record<string, unknown>) => [id, reason, attempts]),
    [['x', 'another', 1]],
  )
})

test('A replay or a drop of another number than was shown is refused with 412, and changes nothing', async (t) => {
  const { queue, post, bury, events, actions } = await createWorld(t)
  await queue.publishAll('work', messages(4))
  await bury((id) => (id === 'm0' ? 'the first' : 'another'))
  for (const [kind, body] of [
    ['drop', { all: true, expect: 3 }],
    ['drop', { reason: 'another', expect: 4 }],
    ['replay', { ids: ['m0', 'gone'], expect: 2 }],
    ['replay', { reason: 'another', first: 2, expect: 2 }],
  ] as const) {
    const response = await post(`/api/queues/work.dead/${kind}`, body)
    assert.equal(response.statusCode, 412)
    assert.match(response.json().detail, /such dead letters now, and not \d; nothing was changed/)
  }
  assert.equal(await queue.depth('work.dead'), 4)
  assert.deepEqual([events, actions], [[], []])
  const dropped = (
    await post('/api/queues/work.dead/drop', { reason: 'another', first: 2, expect: 3 })
  ).json()
  assert.deepEqual(
    [dropped.kind, dropped.queue, dropped.moved, dropped.of, dropped.isOver, dropped.outcome],
    ['drop', 'work', 2, 2, true, '2 removed'],
  )
  assert.deepEqual(
    (await queue.list('work.dead')).map(({ id }) => id),
    ['m0', 'm3'],
  )
})

test('What becomes of a replay is told: dead again for the same reason, and done once the fault is mended; both are actions and events', async (t) => {
  const { queue, get, post, bury, events, actions } = await createWorld(t)
  await queue.publishAll('work', messages(3))
  await bury(() => 'it is poison')
  const replay = async () => {
    const move = (await post('/api/queues/work.dead/replay', { reason: 'it is poison', expect: 3 })).json()
    assert.deepEqual([move.moved, move.of, move.waiting, move.isOver], [3, 3, 3, false])
    assert.equal(move.outcome, '3 put back: 3 still waiting')
    return async () => (await get(`/api/queues/moves/${move.id}`)).json()
  }
  const over = async (see: () => Promise<{ isOver: boolean }>) => {
    await until(async () => (await see()).isOver)
    return see()
  }
  const first = await replay()
  await bury(() => 'it is poison')
  const again = Object(await over(first))
  assert.equal(again.outcome, '3 put back: 3 dead again (same reason)')
  assert.deepEqual([again.done, again.deadAgain, again.reasons], [0, 3, { 'it is poison': 3 }])
  const second = await replay()
  await bury(() => undefined)
  assert.equal(Object(await over(second)).outcome, '3 put back: 3 done')
  assert.equal(events.length, 2)
  assert.deepEqual(events[0], {
    ...{ at: Date.UTC(2030, 0, 1), kind: 'replay', service: 'billing' },
    text: '3 dead letters of work put back: it is poison',
  })
  assert.deepEqual(actions[0], {
    ...{ what: 'replay', on: 'work.dead', outcome: '3 put back: 3 still waiting' },
  })
})

test('Who may not act changes nothing', async (t) => {
  const { queue, post, bury } = await createWorld(t)
  await queue.publishAll('work', messages(1))
  await bury(() => 'it is poison')
  for (const kind of ['replay', 'drop']) {
    const response = await post(
      `/api/queues/work.dead/${kind}`,
      { all: true, expect: 1 },
      { 'x-reader': '1' },
    )
    assert.equal(response.statusCode, 403)
  }
  assert.equal(await queue.depth('work.dead'), 1)
})

test('A replay with a pace goes on after its response, one at a time for a queue, and ends with the console', async (t) => {
  const { queue, app, get, post, bury } = await createWorld(t)
  await queue.publishAll('work', messages(5))
  await bury(() => 'it is poison')
  const move = (await post('/api/queues/work.dead/replay', { all: true, perSecond: 1, expect: 5 })).json()
  assert.ok(move.moved < 5 && !move.isOver)
  assert.match(move.outcome, /^\d put back: \d still waiting; \d to go$/)
  assert.equal((await post('/api/queues/work.dead/drop', { all: true, expect: 5 })).statusCode, 409)
  assert.equal((await get(`/api/queues/moves/${move.id}`)).statusCode, 200)
  assert.equal((await get('/api/queues/moves/gone')).statusCode, 404)
  await app.close()
  const moved = await queue.depth('work')
  assert.equal(moved + (await queue.depth('work.dead')), 5)
  assert.ok(moved < 5)
})

test('Of a broker on which a look has an effect, each look says so, and its reach is bounded', async (t) => {
  const { queue, post, bury } = await createWorld(t, (queue) => ({
    ...queue,
    lookEffect: 'It takes messages.',
  }))
  await queue.publishAll('work', messages(1))
  await bury(() => 'it is poison')
  assert.equal((await post('/api/queues/work.dead/look')).json().effect, 'It takes messages.')
  assert.equal((await post('/api/queues/work.dead/reasons')).json().effect, 'It takes messages.')
  const far = await post('/api/queues/work/look', { after: 9_901 })
  assert.equal(far.statusCode, 400)
  assert.match(far.json().detail, /^after must be at most 9900/)
})
