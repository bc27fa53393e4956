import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { call, dataFolder, run } from './processes.ts'

const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
const billingMain = ['services/billing/src/main.ts']

/** A gateway in a process of its own, and a folder that billing may share with it. */
async function startGateway(t: TestContext) {
  const environment = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent' }
  const gateway = await run(t, ['services/gateway/src/main.ts'], environment).address('gateway')

  async function post(amount: number, headers = {}): Promise<string | undefined> {
    const answer = await call(
      'POST',
      `${gateway}/api/billing/`,
      { ...order, total_amount: `${amount}` },
      headers,
    )
    return answer?.status === 200 ? String(Object(answer.body).message_id) : undefined
  }

  return {
    environment,
    post,
    /** Posts 1, 2, 3 and so on from many clients at once until `isOver`, and gives the amounts that were answered 200. */
    async postMany(isOver: (posted: number) => boolean) {
      const posted = new Map<string, number>()
      let next = 1
      const client = async () => {
        while (!isOver(posted.size)) {
          const amount = next++
          const id = await post(amount)
          if (id !== undefined) posted.set(id, amount)
        }
      }
      await Promise.all(Array.from({ length: 50 }, client))
      return posted
    },
  }
}

/** The orders that billing tells of, page by page. */
async function ordersOf(billing: string): Promise<{ id: number; total_amount: string }[]> {
  const orders = []
  for (let query: string | undefined = '?limit=1000'; query !== undefined; ) {
    const page = await call('GET', `${billing}/orders${query}`)
    assert.ok(Array.isArray(page?.body))
    orders.push(...page.body)
    query = /^<(\?[^>]*)>/.exec(page.headers.get('link') ?? '')?.[1]
  }
  return orders
}

/** Waits for so many orders; the deadline is longer than the lease of what a killed process had taken. */
async function arrived(billing: string, count: number): Promise<{ id: number; total_amount: string }[]> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 20) {
    const orders = await ordersOf(billing)
    if (orders.length >= count) return orders
    await pause(20)
  }
  throw new Error(`There are ${(await ordersOf(billing)).length} orders, not ${count}.`)
}

const amountsOf = (orders: readonly { total_amount: string }[]) =>
  orders.map(({ total_amount }) => Number(total_amount)).toSorted((one, other) => one - other)

test('Orders appear at once while billing runs; after kill -9 posting goes on; started again, it has every one, once', async (t) => {
  const { environment, post } = await startGateway(t)
  const first = run(t, billingMain, environment)
  const address = await first.address('billing')
  for (const amount of [1, 2, 3]) assert.ok(await post(amount))
  assert.deepEqual(amountsOf(await arrived(address, 3)), [1, 2, 3])

  await first.kill('SIGKILL')
  const ids = []
  for (const amount of [4, 5, 6, 7]) ids.push(await post(amount))
  assert.ok(ids.every((id) => id !== undefined))

  const second = await run(t, billingMain, environment).address('billing')
  assert.deepEqual(amountsOf(await arrived(second, 7)), [1, 2, 3, 4, 5, 6, 7])
  const byMessage = await call('GET', `${second}/orders/by-message/${ids[0]}`)
  assert.deepEqual(Object(byMessage?.body).total_amount, '4')
})

for (const round of [1, 2, 3])
  test(`kill -9 of billing in the middle of draining: each posted order is there exactly once (round ${round})`, async (t) => {
    const { environment, postMany } = await startGateway(t)
    let isOver = false
    const posting = postMany((posted) => isOver && posted >= 3_000)
    // Posting goes on all the while, so that each kill comes while there are messages in hand.
    for (let kills = 0; kills < 3; kills++) {
      const billing = run(t, billingMain, environment)
      await arrived(await billing.address('billing'), kills * 300 + round * 70)
      await billing.kill('SIGKILL')
    }
    isOver = true
    const posted = await posting
    const last = await run(t, billingMain, environment).address('billing')
    const orders = await arrived(last, posted.size)
    assert.deepEqual(
      amountsOf(orders),
      [...posted.values()].toSorted((one, other) => one - other),
    )
    for (const [id, amount] of [...posted].slice(0, 50)) {
      const found = await call('GET', `${last}/orders/by-message/${id}`)
      assert.equal(Object(found?.body).total_amount, String(amount))
    }
  })

test('kill -9 of the gateway in the middle of posts: what was answered 200 becomes an order, once', async (t) => {
  const environment = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent' }
  const gateway = run(t, ['services/gateway/src/main.ts'], environment)
  const url = `${await gateway.address('gateway')}/api/billing`
  const accepted: number[] = []
  let asked = 0
  const clients = Array.from({ length: 50 }, async () => {
    for (;;) {
      const amount = ++asked
      const answer = await call('POST', url, { ...order, total_amount: amount })
      if (answer === undefined) return
      if (answer.status === 200) accepted.push(amount)
    }
  })
  while (accepted.length < 500) await pause(1)
  await gateway.kill('SIGKILL')
  await Promise.all(clients)
  const billing = await run(t, billingMain, environment).address('billing')
  const amounts = amountsOf(await arrived(billing, accepted.length))
  assert.deepEqual(amounts, [...new Set(amounts)])
  const stored = new Set(amounts)
  assert.ok(accepted.every((amount) => stored.has(amount)))
})

test('A retry under one Idempotency-Key makes one order, whether billing runs in between or not', async (t) => {
  const { environment, post } = await startGateway(t)
  const key = { 'idempotency-key': 'order-7' }
  const first = await post(7, key)
  const billing = run(t, billingMain, environment)
  await arrived(await billing.address('billing'), 1)
  assert.equal(await post(7, key), first)
  assert.equal(await post(8, key), undefined)
  await billing.kill('SIGTERM')
  assert.equal(await post(7, key), first)
  assert.ok(await post(9))
  const again = await run(t, billingMain, environment).address('billing')
  assert.deepEqual(amountsOf(await arrived(again, 2)), [7, 9])
})

test('quintet start gateway, and later quintet start billing in another process, work together', async (t) => {
  const DATA_DIR = dataFolder(t)
  const BILLING_PORT = await freePort(t, DATA_DIR)
  const environment = { DATA_DIR, BILLING_PORT, LOG_LEVEL: 'silent' }
  const gateway = await run(t, ['quintet.ts', 'start', 'gateway'], environment).address('gateway')
  assert.equal((await call('POST', `${gateway}/api/billing`, order))?.status, 200)
  assert.equal((await call('GET', `${gateway}/api/orders`))?.status, 502)
  await run(t, ['quintet.ts', 'start', 'billing'], environment).address('billing')
  await arrived(`${gateway}/api`, 1)
  assert.equal((await call('POST', `${gateway}/api/billing`, { ...order, user_id: '4' }))?.status, 200)
  await arrived(`${gateway}/api`, 2)
  const ofUser = await call('GET', `${gateway}/api/orders?user_id=4`)
  assert.deepEqual(ofUser?.body, [{ id: 2, ...order, user_id: '4' }])
})

/** A port that was free a moment ago, for a process that another must know of before it starts. */
async function freePort(t: TestContext, DATA_DIR: string): Promise<string> {
  const billing = run(t, billingMain, { DATA_DIR, LOG_LEVEL: 'silent' })
  const { port } = new URL(await billing.address('billing'))
  await billing.kill('SIGTERM')
  return port
}

test('quintet queue looks at, replays and drops messages, while services run and while they do not', async (t) => {
  const { environment, post } = await startGateway(t)
  const queue = async (...words: string[]) => {
    const command = run(t, ['quintet.ts', 'queue', ...words], environment)
    await assert.rejects(command.address('never'))
    return { code: command.child.exitCode, output: command.output() }
  }
  const id = await post(7)
  assert.match((await queue('list')).output, /^billing_queue +1 +\d+ s$/m)
  assert.match((await queue('show', 'billing_queue')).output, new RegExp(`${id}[^]*"total_amount":"7"`))
  assert.deepEqual(await queue('drop', 'billing_queue', String(id)), {
    code: 0,
    output: '1 message removed from billing_queue.\n',
  })
  await post(8)
  await arrived(await run(t, billingMain, environment).address('billing'), 1)
  assert.match((await queue('list')).output, /^billing_queue +0 +-$/m)
  assert.deepEqual(await queue('replay', 'billing_queue.dead', 'all'), {
    code: 0,
    output: '0 messages put back into billing_queue.\n',
  })
  for (const words of [
    ['show', 'nothing'],
    ['drop', 'billing_queue', 'x'],
    ['replay', 'billing_queue', 'all'],
    [],
  ]) {
    const { code, output } = await queue(...words)
    assert.equal(code, 1)
    assert.doesNotMatch(output, /at .*\.ts:\d+/)
  }
})
