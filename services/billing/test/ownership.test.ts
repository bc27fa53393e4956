import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { comparable, createPrincipals, operationsOf } from '@quintet/chassis/testing/principals'
import type { Sender, Sent } from '@quintet/chassis/testing/principals'
import { ownerHeader } from '@quintet/contracts'
import { sql } from 'kysely'
import { createWorld, order, text } from './world.ts'

/** Each operation on one order, by the order's id and the message's. */
const operations: Readonly<Record<string, ((id: string, messageId: string) => Sent) | 'a list'>> = {
  listOrders: 'a list',
  getOrder: (id) => ({ path: `/orders/${id}` }),
  getOrderOfMessage: (_, messageId) => ({ path: `/orders/by-message/${messageId}` }),
}

/** Billing where clients are authenticated; the messages have ids m1, m2 and so on. */
async function createOwners(t: TestContext, AUTH: 'required' | 'optional' = 'required') {
  const principals = createPrincipals(t, ['orders:read'], AUTH)
  const world = await createWorld(t, principals.settings)
  const { app } = await world.start()
  const send = await principals.listen(app)
  let published = 0
  /** Stores orders of these owners one after the other; null is none. */
  async function store(owners: readonly (string | null)[], body = text) {
    for (const owner of owners) {
      const headers = owner === null ? {} : { headers: { [ownerHeader]: owner } }
      await world.queue.publish('billing_queue', { id: `m${++published}`, key: '', body, ...headers })
      await world.drained()
    }
  }
  return { ...world, send, store }
}

test('Every operation is in the table of those that are tried for what others own', async (t) => {
  const { start } = await createWorld(t)
  const { app } = await start()
  assert.deepEqual(await operationsOf(app, 'orders'), Object.keys(operations).sort())
})

test('The order of another owner, and what became of the message, is as what is missing', async (t) => {
  const { send, store } = await createOwners(t)
  await store(['key:ada', null])
  await store(['key:ada', null], 'no order')
  const served: Readonly<Record<string, readonly Sender[]>> = {
    '1 m1': ['ada', 'reader'],
    '2 m2': ['ada', 'bob', 'reader', 'writer'],
    '999 m3': ['ada', 'reader'],
    '999 m4': ['ada', 'bob', 'reader', 'writer'],
  }
  for (const [ids, senders] of Object.entries(served)) {
    const [id = '', messageId = ''] = ids.split(' ')
    for (const [operationId, request] of Object.entries(operations)) {
      if (request === 'a list' || (operationId === 'getOrder' && id === '999')) continue
      for (const sender of ['ada', 'bob', 'reader', 'writer'] as const)
        for (const headers of [{}, { 'if-none-match': '*' }, { 'if-match': '*' }])
          for (const method of ['GET', 'HEAD']) {
            const title = `${sender} ${method} ${operationId} ${ids} ${JSON.stringify(headers)}`
            const found = await send(sender, { ...request(id, messageId), method, headers })
            const absent = await send(sender, { ...request('999', 'm9'), method, headers })
            assert.doesNotMatch(found.text, /key:|owner/, title)
            if (senders.includes(sender)) assert.ok([200, 304].includes(found.status), title)
            else assert.deepEqual(comparable(found), comparable(absent), title)
          }
    }
  }
})

test('The list has one’s own orders, of all users and of one, on every page, and after a cursor of another client', async (t) => {
  const { send, store } = await createOwners(t)
  await store(['key:ada', 'key:bob', null, 'key:ada', 'key:bob', null, 'key:ada'])
  await store(['key:bob', 'key:ada'], JSON.stringify({ ...order, user_id: '7' }))
  async function list(sender: Sender, path: string): Promise<{ ids: number[]; cursors: string[] }> {
    const ids: number[] = []
    const cursors: string[] = []
    for (let next: string | undefined = path; next !== undefined; ) {
      const response = await send(sender, { path: next })
      const rows: { id: number }[] = JSON.parse(response.text)
      ids.push(...rows.map(({ id }) => id))
      next = /^<([^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
      if (next !== undefined) cursors.push(next)
    }
    return { ids, cursors }
  }
  const own = { ada: [1, 4, 7, 9], bob: [2, 5, 8], reader: [1, 2, 3, 4, 5, 6, 7, 8, 9], writer: [] }
  for (const sender of ['ada', 'bob', 'reader', 'writer'] as const) {
    for (const path of ['/orders', '/orders?limit=1', '/orders?limit=2'])
      assert.deepEqual((await list(sender, path)).ids, own[sender], `${sender} ${path}`)
    for (const path of ['/orders?user_id=7', '/orders?user_id=7&limit=1'])
      assert.deepEqual(
        (await list(sender, path)).ids,
        own[sender].filter((id) => id > 7),
        `${sender} ${path}`,
      )
  }
  const [after = ''] = (await list('reader', '/orders?limit=3')).cursors
  assert.deepEqual((await list('ada', after)).ids, [4, 7, 9])
})

test('Where a token is optional, a request without one reads orders that nobody owns, by their ids', async (t) => {
  const { send, store } = await createOwners(t, 'optional')
  await store(['key:ada', null])
  for (const [path, status] of [
    ['/orders/1', 404],
    ['/orders/by-message/m1', 404],
    ['/orders/2', 200],
    ['/orders/by-message/m2', 200],
  ] as const)
    assert.equal((await send('nobody', { path })).status, status, path)
  assert.equal((await send('nobody', { path: '/orders' })).text, '[]')
})

test('Where clients are not authenticated, everybody reads what anybody owns', async (t) => {
  const { queue, start, drained } = await createWorld(t)
  const { get } = await start()
  await queue.publish('billing_queue', {
    id: 'm',
    key: '',
    body: text,
    headers: { [ownerHeader]: 'key:ada' },
  })
  await drained()
  for (const path of ['/orders', '/orders/1', '/orders/by-message/m']) {
    const { statusCode, body } = await get(path)
    assert.equal(statusCode, 200, path)
    assert.match(body, /"total_amount":"180"/)
  }
})

test('A message that was retried and became a dead letter has its owner still, also once it is replayed', async (t) => {
  const { send, store, byHand, queue, drained } = await createOwners(t)
  const run = await byHand()
  await run('alter table orders rename to mislaid')
  await store(['key:ada'])
  const path = '/orders/by-message/m1'
  const statuses = async () =>
    Promise.all((['ada', 'bob'] as const).map(async (sender) => (await send(sender, { path })).status))
  await run('alter table mislaid rename to orders')
  assert.deepEqual(await statuses(), [200, 404])
  assert.match((await send('ada', { path })).text, /"failed"/)
  await queue.replay('billing_queue.dead', {})
  await drained()
  assert.match((await send('ada', { path })).text, /"stored"/)
  assert.deepEqual(await statuses(), [200, 404])
})

test('A message whose owner is no text that the gateway writes is among the dead letters at once', async (t) => {
  const { store, dead } = await createOwners(t)
  await store(['', 'x'.repeat(256), 'a\u0000b', 'a\nb', 'x'.repeat(255), 'https://issuer.example|søren'])
  assert.deepEqual(
    (await dead()).map(({ id, attempts, reason }) => [id, attempts, reason]),
    ['m1', 'm2', 'm3', 'm4'].map((id) => [
      id,
      1,
      'The header quintet-owner must be 1 to 255 characters, none of them a control character.',
    ]),
  )
})

test('A page of one owner’s orders reads an index, and none of those of others', async (t) => {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase('sqlite::memory:', { migrations })
  t.after(() => database.close())
  for (const [condition, expected] of [
    ["owner = 'key:ada'", 'orders_owner (owner=? AND id>?)'],
    ["owner = 'key:ada' and user_id = '3'", 'orders_owner_user (owner=? AND user_id=? AND id>?)'],
  ] as const) {
    const { rows } = await sql<{ detail: string }>`
      explain query plan select * from orders where id > 0 and ${sql.raw(condition)} order by id limit 10
    `.execute(database.query)
    assert.deepEqual(
      rows.map(({ detail }) => detail),
      [`SEARCH orders USING INDEX ${expected}`],
    )
  }
})
