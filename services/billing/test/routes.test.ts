import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
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

test('Pages follow one another by their Link, which is relative, though orders come in between', async (t) => {
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
    const next = /^<(\?[^>]*)>; rel="next"$/.exec(String(answer.headers.link))?.[1]
    url = next && `/orders${next}`
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

test('GET /orders/by-message/{message_id} is the order of that message, or 404', async (t) => {
  const { get } = await withOrders(t, text, ofUser('7'))
  assert.deepEqual((await get('/orders/by-message/m2')).json(), { id: 2, ...order, user_id: '7' })
  const missing = await get('/orders/by-message/m3')
  assert.deepEqual(
    [missing.statusCode, missing.json().detail],
    [404, 'No order has been stored for this message.'],
  )
  assert.equal((await get('/orders/by-message/%00')).statusCode, 404)
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

test('Metrics show the number of waiting messages and of dead letters', async (t) => {
  const { get } = await withOrders(t, text, 'no order')
  const metrics = (await get('/metrics')).body
  assert.match(metrics, /^queue_depth\{queue="billing_queue",service="billing"\} 0$/m)
  assert.match(metrics, /^queue_depth\{queue="billing_queue\.dead",service="billing"\} 1$/m)
})

test('OpenAPI describes the reads', async (t) => {
  const { get } = await withOrders(t)
  const { paths } = (await get('/openapi.json')).json()
  for (const path of ['/orders', '/orders/{id}', '/orders/by-message/{message_id}'])
    assert.ok(paths[path]?.get.responses[200], path)
})
