import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createPrincipals } from '@quintet/chassis/testing/principals'
import type { GatewayConfig } from '../src/config.ts'
import { ask } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { absentUpstream, startUpstream } from './start-upstream.ts'

const order = { user_id: '3', number_of_items: '5', total_amount: '180' }

/** A gateway before a billing that says of each message what the test does: a status of the message, or one of HTTP. */
async function world(t: TestContext, settings: Partial<GatewayConfig> = {}) {
  const statuses = new Map<string, string | number>()
  const asked: string[] = []
  const BILLING_URL = await startUpstream(t, ({ url = '' }, response) => {
    const id = url.slice('/orders/by-message/'.length)
    const status = statuses.get(id) ?? 404
    if (statuses.has(id)) asked.push(id)
    if (typeof status === 'number') response.writeHead(status).end('{}')
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status }))
  })
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const { app, url } = await startGateway(t, { BILLING_URL, ...settings }, { clock })
  return {
    url,
    asked,
    async post(status: string | number, headers = {}): Promise<string> {
      const response = await ask(`${url}/api/billing`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(order),
      })
      assert.equal(response.status, 200)
      const id = String(response.json().message_id)
      statuses.set(id, status)
      return id
    },
    check: () => checked({ app, clock }, 'posted-orders'),
  }
}

test('Posted orders that are stored, wait or are dead letters are accounted for, and only those that wait are looked at again', async (t) => {
  const { post, check, asked } = await world(t)
  const waiting = await post('pending')
  await post('stored')
  await post('failed', { 'idempotency-key': 'one' })
  const found = (count: string) => `${count} of the newest: each is stored, waits or is a dead letter.`
  assert.deepEqual(await check(), { verdict: 'kept', found: found('3 posted orders'), sample: 3 })
  asked.length = 0
  assert.deepEqual(await check(), { verdict: 'kept', found: found('1 posted order'), sample: 1 })
  assert.deepEqual(asked, [waiting])
})

test('A posted order of which billing has nothing is found and named', async (t) => {
  const { post, check } = await world(t)
  await post('stored')
  const lost = await post(404)
  assert.deepEqual(await check(), {
    verdict: 'broken',
    found: `posted order ${lost}: it is neither stored nor waits, and is no dead letter, unless an operator has dropped it.`,
    sample: 2,
  })
})

test('While billing is away, or does not show orders to the gateway, nothing is known of posted orders', async (t) => {
  const absent = await world(t, { BILLING_URL: await absentUpstream(t) })
  await absent.post('stored')
  const unknown = { verdict: 'unknown', sample: 0 }
  assert.deepEqual(await absent.check(), {
    ...unknown,
    found: 'Billing does not respond, so that nothing is known.',
  })
  const refused = await world(t)
  await refused.post(401)
  assert.deepEqual(await refused.check(), {
    ...unknown,
    found: 'Billing responds with 401, so that nothing is known.',
  })
})

test('Orders that have an owner are not looked at, since billing shows them to nobody else', async (t) => {
  const principals = createPrincipals(t, ['orders:write'], 'optional')
  const { url, check } = await world(t, principals.settings)
  const { status } = await principals.send(url, 'ada', { method: 'POST', path: '/api/billing', body: order })
  assert.equal(status, 200)
  assert.equal((await check()).sample, 0)
})
