import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { migrateStorage } from '../src/storage.ts'
import { freshStorage } from './fresh-storage.ts'
import { buy, createWorld, startSeconds } from './world.ts'

const checkpoints = '0002-add-checkpoints'
const later = ['0003-add-owner']

/** A database, with functions that run the service on it and that use it while the service is stopped. */
async function createDatabase(t: TestContext) {
  const url = await freshStorage(t)
  return {
    /** Reverts the migrations that came later, and then that of the checkpoints. */
    async down(): Promise<string[]> {
      for (const migration of later) assert.deepEqual(await migrateStorage(url, 'down'), [migration])
      return migrateStorage(url, 'down')
    },
    status: () => migrateStorage(url, 'status'),
    /** Starts the service, which applies what is pending, places orders, and stops it; resolves to the bodies of the responses. */
    async place(...requests: (readonly [orders: object, headers?: object])[]): Promise<string[]> {
      const world = await createWorld(t, { BROKERAGE_DATABASE_URL: url })
      if ((await world.get('/accounts/1')).statusCode === 404) await world.open()
      const bodies: string[] = []
      for (const [orders, headers] of requests) {
        const response = await world.post('/accounts/1/orders', orders, headers)
        assert.equal(response.statusCode, 200, response.body)
        bodies.push(response.body)
      }
      await world.app.close()
      return bodies
    },
    query(statement: string) {
      using database = new DatabaseSync(url.slice('sqlite:'.length))
      return database.prepare(statement).all()
    },
  }
}

const order = (n: number, named?: string) => ({
  ...buy,
  timestamp: startSeconds - 1_000 * n,
  share_price: n,
  ...(named !== undefined && { client_order_id: named }),
})
const key = { 'idempotency-key': 'key' }

if (process.env.TEST_DATABASE === undefined) {
  for (const [what, requests] of [
    ['an order that has a client_order_id', [[order(1, 'one')], [order(2, 'two')]]],
    ['the recorded response to an order', [[order(1), key]]],
    ['the recorded response to a batch', [[[order(1), order(2)], key]]],
  ] as const)
    test(`Migrating down is refused and changes nothing while ${what} refers to a balance`, async (t) => {
      const { place, down, status } = await createDatabase(t)
      const first = await place(...requests)
      await assert.rejects(
        down(),
        (error) =>
          error instanceof AppError && /0002-add-checkpoints: Orders with .* restore/.test(error.message),
      )
      assert.ok((await status()).includes(`${checkpoints} applied`))
      assert.deepEqual(await place(...requests), first)
    })

  test('After migrating down each order that can be repeated has its balance, and after migrating up again its response', async (t) => {
    const { place, down, query } = await createDatabase(t)
    const one = [order(1, 'one')] as const
    const first = await place(one, [order(2), key], [order(3)])
    // As the service does after a day.
    query('delete from idempotency')
    assert.deepEqual(await down(), [checkpoints])
    const rows = query('select client_order_id, balance is null as without from "order" order by sequence')
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [
        { client_order_id: 'one', without: 0 },
        { client_order_id: null, without: 1 },
        { client_order_id: null, without: 1 },
      ],
    )
    assert.deepEqual(await place(one), first.slice(0, 1))
    const two = [order(4, 'two'), { 'idempotency-key': 'other' }] as const
    const [second] = await place(two)
    assert.deepEqual(await place(one, two, [order(4, 'two')]), [first[0], second, second])
  })

  test('A recorded response with a name that looks like a reference does not refuse migrating down', async (t) => {
    const { place, down, query } = await createDatabase(t)
    await place([{ ...order(1), issuer_name: '"current_balance":1' }, key])
    const position = { issuer_name: '"current_balance":1', total_shares: 2, share_price: 1, average_cost: 1 }
    const body = JSON.stringify({ current_balance: { cash: 998, issuers: [position] }, business_errors: [] })
    query(`update idempotency set body = '${body}'`)
    assert.deepEqual(await down(), [checkpoints])
  })
}
