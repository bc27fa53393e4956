import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { checkQueue } from '../../nemesis/checkers/queue.ts'
import { createRecorder } from '../../nemesis/history.ts'
import { asPost } from '../../nemesis/recorded.ts'
import { amountsOf, arrived, billingMain, order, startGateway } from '../system/billing-world.ts'
import { call, dataFolder, run } from '../system/processes.ts'

test('Orders are stored at once while billing runs; after kill -9 posting goes on, and once restarted it stores every one once', async (t) => {
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
  assert.deepEqual(Object(byMessage?.body).order?.total_amount, '4')
})

for (const round of [1, 2, 3])
  test(`kill -9 of billing while it drains the queue: each posted order is stored exactly once (round ${round})`, async (t) => {
    const { environment, postMany } = await startGateway(t)
    let isOver = false
    const posting = postMany((posted) => isOver && posted >= 3_000)
    // Posting continues, so that each kill happens while messages are being processed.
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
      assert.equal(Object(found?.body).order?.total_amount, String(amount))
    }
  })

test('kill -9 of the gateway during posts: each post that got 200 becomes exactly one order', async (t) => {
  const environment = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent' }
  const gateway = run(t, ['services/gateway/src/main.ts'], environment)
  const url = `${await gateway.address('gateway')}/api/billing`
  const recorder = createRecorder('queue')
  let sent = 0
  let accepted = 0
  const clients = Array.from({ length: 50 }, async (_, client) => {
    for (;;) {
      const amount = ++sent
      const complete = recorder.invoke(`client ${client}`, 'orders', { f: 'post', value: String(amount) })
      const response = await call('POST', url, { ...order, total_amount: amount })
      if (response === undefined) return
      complete(response.status === 200 ? 'ok' : 'info')
      if (response.status === 200) accepted += 1
    }
  })
  while (accepted < 500) await pause(1)
  await gateway.kill('SIGKILL')
  await Promise.all(clients)
  const billing = await run(t, billingMain, environment).address('billing')
  const stored = amountsOf(await arrived(billing, accepted)).map(String)
  assert.deepEqual(checkQueue(asPost(recorder.history()), stored), [])
})

test('A retry with one Idempotency-Key makes one order, whether billing runs in between or not', async (t) => {
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
