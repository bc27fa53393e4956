import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { HandlingStopped, PoisonMessage } from '@quintet/chassis/queue'
import { createLogger } from '@quintet/chassis/telemetry'
import { assert as assertProperty, bigInt, integer, oneof, property, record } from 'fast-check'
import { createOrderHandler, readOrder } from '../src/consumer.ts'
import { createOrderStore } from '../src/order-store.ts'
import type { OrderTables } from '../src/order-store.ts'
import { createWorld, order, text } from './world.ts'

test('A message becomes an order, and is gone from the queue', async (t) => {
  const { publish, start, drained } = await createWorld(t)
  const { get } = await start()
  await publish(text)
  await drained()
  assert.deepEqual((await get('/orders')).json(), [{ id: 1, ...order }])
})

test('The table orders has the columns id, user_id, number_of_items and total_amount, and an owner, who is null for what any program may post', async (t) => {
  const { publish, start, drained, byHand } = await createWorld(t)
  await start()
  await publish('{"user_id":"3","number_of_items":"5","total_amount":"180.10"}')
  await drained()
  const { rows } = await (await byHand())('select * from orders')
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [{ id: 1, user_id: '3', number_of_items: 5, total_amount: '180.10', owner: null }],
  )
})

test('Two billings over one queue and one database share the work, and each message is one order', async (t) => {
  const { publish, queue, start, drained } = await createWorld(t)
  const [{ get }] = [await start(), await start()]
  for (let i = 0; i < 10; i++) await publish(...Array.from({ length: 100 }, () => text))
  await drained()
  for (let i = 1; i <= 1_000; i += 3)
    await queue.publish('billing_queue', { id: `m${i}`, key: '', body: text })
  await drained()
  assert.equal((await get('/orders?limit=1000')).json().length, 1_000)
})

test('What piled up while billing did not run becomes orders when it starts, each once, in its order', async (t) => {
  const { publish, start, drained } = await createWorld(t)
  const amounts = Array.from({ length: 2_500 }, (_, i) => `${i}.50`)
  for (let i = 0; i < amounts.length; i += 500)
    await publish(
      ...amounts.slice(i, i + 500).map((total_amount) => JSON.stringify({ ...order, total_amount })),
    )
  const { get } = await start()
  await drained()
  const pages = [
    '',
    ...[1_000, 2_000].map((last) => `&cursor=${Buffer.from(`[${last}]`).toString('base64url')}`),
  ]
  const stored = await Promise.all(pages.map(async (page) => (await get(`/orders?limit=1000${page}`)).json()))
  const storedAmounts: string[] = stored.flat().map(({ total_amount }) => total_amount)
  // Embedded storage commits in order; on a server, batches that commit at the same time may take turns.
  if (process.env.TEST_DATABASE === undefined) assert.deepEqual(storedAmounts, amounts)
  assert.deepEqual(storedAmounts.toSorted(), amounts.toSorted())
})

test('A message that is delivered again makes no second order, also after a restart', async (t) => {
  const { queue, start, drained } = await createWorld(t)
  const message = { id: 'm', key: '' as const, body: text }
  for (let round = 0; round < 3; round++) {
    const billing = await start()
    await queue.publish('billing_queue', message)
    await drained()
    assert.equal((await billing.get('/orders')).json().length, 1)
    await billing.stop()
  }
})

test('A bare body of another program becomes an order too, with numbers and with members that say nothing', async (t) => {
  const { publish, start, drained, dead } = await createWorld(t)
  const { get } = await start()
  await publish(
    '{"user_id":12345678901234567890,"number_of_items":5,"total_amount":180.10,"note":"x"}',
    ' { "total_amount": "0.000001", "number_of_items": "1", "user_id": "0" } ',
  )
  await drained()
  assert.deepEqual((await get('/orders')).json(), [
    { id: 1, user_id: '12345678901234567890', number_of_items: '5', total_amount: '180.10' },
    { id: 2, user_id: '0', number_of_items: '1', total_amount: '0.000001' },
  ])
  assert.deepEqual(await dead(), [])
})

test('A message that holds no order is among the dead letters at once, with every reason, and blocks nothing', async (t) => {
  const { publish, start, drained, dead } = await createWorld(t)
  const twice = text.replace('{', '{"user_id":"4",')
  await publish('not JSON', '', text, '{"number_of_items":"0","total_amount":"-1"}', '[]', twice, text)
  const { get } = await start()
  await drained()
  assert.equal((await get('/orders')).json().length, 2)
  assert.deepEqual(
    (await dead()).map(({ body, attempts, reason }) => [body, attempts, reason]),
    [
      ['not JSON', 1, 'The message is not JSON.'],
      ['', 1, 'The message is not JSON.'],
      [
        '{"number_of_items":"0","total_amount":"-1"}',
        1,
        'user_id is required. number_of_items must be a whole number from 1 to 999999999. ' +
          'total_amount must be a decimal number, not negative, with at most 15 digits before the point and 6 after it.',
      ],
      ['[]', 1, 'The body must be a JSON object.'],
      [twice, 1, '"user_id" must be given once.'],
    ],
  )
})

test('An order that is posted again in another notation of its amount is the same order', async (t) => {
  const { queue, start, drained, dead } = await createWorld(t)
  const { get } = await start()
  for (const amount of ['"180"', '"180.0"', '180.000000', '180.00000000', '1.8e2', '18000e-2']) {
    const body = `{"user_id":"${order.user_id}","number_of_items":"${order.number_of_items}","total_amount":${amount}}`
    await queue.publish('billing_queue', { id: 'm', key: '', body })
    await drained()
  }
  assert.deepEqual((await get('/orders')).json(), [{ id: 1, ...order }])
  assert.deepEqual(await dead(), [])
})

test('Another order under the id of one that is stored is among the dead letters, and changes nothing', async (t) => {
  const { queue, start, drained, dead } = await createWorld(t)
  const { get } = await start()
  for (const total_amount of ['180', '180.01']) {
    await queue.publish('billing_queue', {
      id: 'm',
      key: '',
      body: JSON.stringify({ ...order, total_amount }),
    })
    await drained()
  }
  assert.deepEqual((await get('/orders')).json(), [{ id: 1, ...order }])
  assert.deepEqual(
    (await dead()).map(({ reason }) => reason),
    ['Order 1 has the id of this message, and another content.'],
  )
})

test('A message that fails five times is among the dead letters with the reason, and can be replayed when all is well', async (t) => {
  const { publish, queue, byHand, start, drained, dead } = await createWorld(t)
  const { get } = await start()
  const run = await byHand()
  await run('alter table orders rename to mislaid')
  await publish(text)
  await drained()
  const [letter, ...others] = await dead()
  assert.deepEqual([letter?.id, letter?.attempts, others.length], ['m1', 5, 0])
  assert.match(String(letter?.reason), /no such table.*orders|"orders" does not exist/)
  await run('alter table mislaid rename to orders')
  assert.equal((await queue.replay('billing_queue.dead', {})).length, 1)
  await drained()
  assert.deepEqual((await get('/orders')).json(), [{ id: 1, ...order }])
})

test('While the database is unavailable messages wait, and none of them counts as failed', async (t) => {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase<OrderTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const orders = createOrderStore(database)
  let calls = 0
  const failing = {
    ...orders,
    async store(...message: Parameters<typeof orders.store>) {
      calls += 1
      if (calls <= 2) throw dependencyDown('The database cannot be written.')
      return orders.store(...message)
    },
  }
  const logger = createLogger({ service: 'billing', level: 'silent' })
  const handle = createOrderHandler({
    orders: failing,
    logger,
    attemptsMax: 5,
    stopping: new AbortController().signal,
  })
  assert.equal((await handle([{ id: 'm', key: '', body: text, attempt: 1 }])).size, 0)
  assert.equal(calls, 3)
  assert.deepEqual(
    { ...(await orders.findByMessage('m')) },
    { ...order, id: 1, number_of_items: 5, owner: null },
  )
})

test('Stopping ends the wait for a database that is away', async () => {
  const stopping = new AbortController()
  const away = dependencyDown('The database cannot be written.')
  const refuse = () => Promise.reject(away)
  const orders = { store: refuse, findByMessage: refuse, fail: refuse }
  const logger = createLogger({ service: 'billing', level: 'silent' })
  const handle = createOrderHandler({ orders, logger, attemptsMax: 5, stopping: stopping.signal })
  const delivery = { id: 'm', key: '', body: text, attempt: 1 }
  const handling = handle([delivery])
  stopping.abort()
  const failure = (await handling).get(delivery)
  assert.ok(failure instanceof HandlingStopped)
  assert.ok(failure.cause instanceof AppError && failure.cause.code === 'dependency_down')
})

test('What stands in a message that holds an order is read with all its digits', () => {
  const digits = (max: bigint) => bigInt({ min: 0n, max })
  const amount = record({ whole: digits(10n ** 15n - 1n), decimals: integer({ min: 0, max: 6 }) })
  assertProperty(
    property(
      digits(10n ** 20n - 1n),
      integer({ min: 1, max: 999_999_999 }),
      amount,
      (user, items, { whole, decimals }) => {
        const total = decimals === 0 ? String(whole) : `${whole}.${'1234560'.slice(6 - decimals, 6)}`
        const expected = { user_id: String(user), number_of_items: String(items), total_amount: total }
        assert.deepEqual(readOrder(JSON.stringify(expected)), expected)
        assert.deepEqual(
          readOrder(`{"user_id":${user},"number_of_items":${items},"total_amount":${total}}`),
          expected,
        )
      },
    ),
  )
})

test('A number in a message is its value, whatever its notation', () => {
  for (const [notation, total] of numbers)
    assert.equal(
      readOrder(`{"user_id":3e0,"number_of_items":50.0e-1,"total_amount":${notation}}`).total_amount,
      total,
    )
  assert.deepEqual(readOrder('{"user_id":3.0,"number_of_items":0.5E+1,"total_amount":1}'), {
    user_id: '3',
    number_of_items: '5',
    total_amount: '1',
  })
  for (const notation of ['1e-7', '1e15', '1e999999999', '-1e-5', '1e-999999999', '1.5e-6'])
    assert.throws(
      () => readOrder(`{"user_id":3,"number_of_items":5,"total_amount":${notation}}`),
      PoisonMessage,
      notation,
    )
})

/** Numbers as clients write them, and the amounts that they are. */
const numbers = [
  ['1e-05', '0.00001'],
  ['1.8e2', '180'],
  ['180.10', '180.10'],
  ['180.0', '180'],
  ['-0', '0'],
  ['0e99999999', '0'],
  ['1E14', '100000000000000'],
  ['123456789012345.123456', '123456789012345.123456'],
] as const

test('Whatever else a body is, it is refused as poison', () => {
  const faulty = oneof(integer({ max: 0 }), integer({ min: 1_000_000_000 }))
  assertProperty(
    property(faulty, (number_of_items) => {
      assert.throws(() => readOrder(JSON.stringify({ ...order, number_of_items })), PoisonMessage)
    }),
  )
})
