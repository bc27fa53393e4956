import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createWorld, order, text } from './world.ts'

/** Billing that has stored these orders, under messages m1, m2 and so on. */
async function withOrders(t: TestContext, ...bodies: readonly string[]) {
  const world = await createWorld(t)
  const billing = await world.start()
  await world.publish(...bodies)
  await world.drained()
  return { ...world, ...billing }
}

const ofUser = (user_id: string) => JSON.stringify({ ...order, user_id })

test('GET /orders lists orders as they were posted, with their ids', async (t) => {
  const { get } = await withOrders(t, text, ofUser('7'))
  const answer = await get('/orders/')
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  assert.deepEqual(answer.json(), [
    { id: 1, ...order },
    { id: 2, ...order, user_id: '7' },
  ])
})

test('GET /orders without any is an empty list', async (t) => {
  const { get } = await withOrders(t)
  assert.deepEqual((await get('/orders')).json(), [])
})

test('GET /orders?user_id= lists those of one user', async (t) => {
  const { get } = await withOrders(t, ofUser('3'), ofUser('33'), ofUser('3'))
  const ids = async (url: string) => (await get(url)).json().map(({ id }: { id: number }) => id)
  assert.deepEqual(await ids('/orders?user_id=3'), [1, 3])
  assert.deepEqual(await ids('/orders?user_id=33'), [2])
  assert.deepEqual(await ids('/orders?user_id=4'), [])
})

test('Pages follow one another by their Link, though orders come in between', async (t) => {
  const { get, publish, drained } = await withOrders(t, ...Array.from({ length: 5 }, () => text))
  const seen: number[] = []
  let url: string | undefined = '/orders?limit=2&user_id=3'
  while (url !== undefined) {
    const answer = await get(url)
    seen.push(...answer.json().map(({ id }: { id: number }) => id))
    if (seen.length === 2) {
      await publish(text)
      await drained()
    }
    url = /^<(\/orders\?[^>]*)>; rel="next"$/.exec(String(answer.headers.link))?.[1]
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6])
})

for (const query of [
  'limit=0',
  'limit=1001',
  'limit=x',
  'cursor=x',
  'cursor=WyJhIl0',
  'user_id=abc',
  'user_id=-1',
  'user=3',
])
  test(`GET /orders?${query} is 400 with the name of what is wrong`, async (t) => {
    const { get } = await withOrders(t)
    const answer = await get(`/orders?${query}`)
    assert.equal(answer.statusCode, 400)
    assert.deepEqual(Object.keys(answer.json().errors), [query.split('=')[0]])
    assert.equal(answer.json().message, answer.json().detail)
  })

test('GET /orders/{id} is the order, or 404 for any id that is none', async (t) => {
  const { get } = await withOrders(t, text)
  assert.deepEqual((await get('/orders/1')).json(), { id: 1, ...order })
  for (const id of ['2', '0', '-1', '1.0', '01', '1e0', 'abc', '%00', "1'--", '9'.repeat(30)])
    assert.equal((await get(`/orders/${id}`)).statusCode, 404, id)
})

test('A message whose id is a UUID is found in either case, and any other id is that text alone', async (t) => {
  const { queue, get, drained } = await withOrders(t)
  const [uuid, upper] = ['0199d0f4-6b1e-7c3a-9d52-3f8e6a1b2c4d', '0199D0F4-6B1E-7C3A-9D52-3F8E6A1B2C4E']
  await queue.publishAll(
    'billing_queue',
    [uuid, upper, 'abc'].map((id) => ({ id, key: '', body: text })),
  )
  await drained()
  for (const id of [uuid, uuid.toUpperCase(), upper, 'abc'])
    assert.equal((await get(`/orders/by-message/${id}`)).statusCode, 200, id)
  assert.equal((await get('/orders/by-message/ABC')).statusCode, 404)
})

test('GET /orders/by-message/{message_id} is the order of that message, or 404 if none was accepted', async (t) => {
  const { get } = await withOrders(t, text, ofUser('7'))
  assert.deepEqual((await get('/orders/by-message/m2')).json(), {
    status: 'stored',
    order: { id: 2, ...order, user_id: '7' },
  })
  for (const id of ['m3', '', ' ', '%00', '%27--', '__proto__', 'x'.repeat(300)]) {
    const missing = await get(`/orders/by-message/${id}`)
    assert.deepEqual(missing.statusCode, 404, id)
  }
  assert.equal((await get('/orders/by-message/m3')).json().detail, 'No message of this id was accepted.')
})

test('A message that has become a dead letter has failed, with the reason, also after the letter was dropped', async (t) => {
  const { get, queue } = await withOrders(t, '{"user_id":"x"}', text)
  const path = '/orders/by-message/m1'
  const { status, problem } = (await get(path)).json()
  assert.equal(status, 'failed')
  assert.deepEqual([problem.status, problem.type], [400, 'urn:quintet:problem:invalid'])
  assert.match(problem.detail, /number_of_items is required\. .*user_id must be a whole number/)
  assert.equal(problem.message, problem.detail)
  assert.equal((await queue.dropDead('billing_queue.dead', { ids: ['m1'] })).length, 1)
  assert.equal((await get(path)).json().status, 'failed')
})

/** Makes the database refuse message m1, while it can be read. */
const refusal =
  process.env.TEST_DATABASE === undefined
    ? {
        begin: "create trigger refused before insert on inbox begin select raise(abort, 'refused'); end",
        end: 'drop trigger refused',
      }
    : {
        begin: "alter table inbox add constraint refused check (message_id <> 'm1')",
        end: 'alter table inbox drop constraint refused',
      }

test('A message is pending while it is retried, and has failed after its last attempt, without the cause; replayed, it is stored', async (t) => {
  const { get, byHand, publish, drained, queue, dead } = await withOrders(t)
  const run = await byHand()
  await run(refusal.begin)
  await publish(text)
  const path = '/orders/by-message/m1'
  const seen = new Set<string>()
  while ((await dead()).length === 0) {
    seen.add((await get(path)).json().status)
    await pause(20)
  }
  assert.ok(seen.has('pending'))
  const { status, problem } = (await get(path)).json()
  assert.deepEqual([status, problem.status], ['failed', 500])
  assert.doesNotMatch(JSON.stringify(problem), /inbox|refused|constraint/)
  await run(refusal.end)
  await queue.replay('billing_queue.dead', {})
  await drained()
  // A server's sequence has lost the ids of the failed attempts.
  assert.partialDeepStrictEqual((await get(path)).json(), { status: 'stored', order })
})

test('A dead letter of which no failure was recorded has failed too', async (t) => {
  const { publish, start, drained, dead, byHand } = await createWorld(t)
  const { get } = await start()
  const run = await byHand()
  await run('alter table failure rename to mislaid')
  await publish('no order')
  await drained()
  assert.equal((await dead()).length, 1)
  await run('alter table mislaid rename to failure')
  assert.equal((await get('/orders/by-message/m1')).json().status, 'failed')
})

test('Orders come by the queue alone: no other method is taken', async (t) => {
  const { inject } = await withOrders(t, text)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const)
    for (const url of ['/orders', '/orders/1']) {
      const answer = await inject({ method, url, payload: order })
      assert.deepEqual([answer.statusCode, answer.headers.allow], [405, 'GET, HEAD'], `${method} ${url}`)
    }
})

test('Readiness checks the database and the queue', async (t) => {
  const { get } = await withOrders(t)
  assert.deepEqual((await get('/health/ready')).json(), {
    status: 'ready',
    dependencies: { database: 'up', queue: 'up' },
  })
})

test('Metrics show the number of waiting messages and of dead letters, how old the oldest is, and that the queue responds', async (t) => {
  const { get } = await withOrders(t, text, 'no order')
  const metrics = (await get('/metrics')).body
  assert.match(metrics, /^quintet_queue_messages\{queue="billing_queue",state="live"\} 0$/m)
  assert.match(metrics, /^quintet_queue_messages\{queue="billing_queue",state="dead"\} 1$/m)
  assert.match(metrics, /^quintet_queue_oldest_message_age_seconds\{queue="billing_queue"\} 0$/m)
  assert.match(metrics, /^quintet_queue_up\{queue="billing_queue"\} 1$/m)
})

test('OpenAPI describes the reads', async (t) => {
  const { get } = await withOrders(t)
  const { paths } = (await get('/openapi.json')).json()
  for (const path of ['/orders', '/orders/{id}', '/orders/by-message/{message_id}'])
    assert.ok(paths[path]?.get.responses[200], path)
})
