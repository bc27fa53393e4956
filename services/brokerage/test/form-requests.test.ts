import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, startMs, startSeconds } from './world.ts'
import type { World } from './world.ts'

const buy = {
  timestamp: String(startSeconds),
  operation: 'BUY',
  issuer_name: 'AAPL',
  total_shares: '2',
  share_price: '50.25',
}

async function openByForm({ form }: World, cash = '1000'): Promise<string> {
  return `/accounts/${(await form('/accounts', { cash })).json().data.id}`
}

test('POST /accounts returns an envelope in which every number is a string', async (t) => {
  const { form } = await createWorld(t)
  const response = await form('/accounts', { cash: '1000.50' })
  assert.equal(response.statusCode, 200)
  assert.equal(
    response.body,
    '{"HTTPResponse":200,"data":{"id":"1","cash":"1000.5","issuers":[]},"message":""}',
  )
  assert.equal(response.headers.location, '/accounts/1')
})

test('An order returns the balance under data, with every number a string', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const response = await world.form(`${account}/orders`, buy)
  assert.equal(response.statusCode, 200)
  const position = { issuer_name: 'AAPL', total_shares: '2', share_price: '50.25', average_cost: '50.25' }
  assert.deepEqual(response.json(), {
    HTTPResponse: 200,
    data: { current_balance: { cash: '899.5', issuers: [position] }, business_errors: [] },
    message: '',
  })
})

test('A refusal has the status of the first broken rule, and all broken rules with the balance in data', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const send = async (change: Record<string, string>) => {
    world.clock.advance(1_000)
    const timestamp = String(world.clock.now() / 1000)
    const response = await world.form(`${account}/orders`, { ...buy, timestamp, ...change })
    const { HTTPResponse, data, message } = response.json()
    assert.equal(HTTPResponse, response.statusCode)
    assert.equal(message === '', response.statusCode === 200)
    return [response.statusCode, data.business_errors]
  }
  assert.deepEqual(await send({}), [200, []])
  assert.deepEqual(await send({}), [425, ['DUPLICATED_OPERATION']])
  assert.deepEqual(await send({ total_shares: '100' }), [403, ['INSUFFICIENT_BALANCE']])
  assert.deepEqual(await send({ operation: 'SELL', total_shares: '3' }), [403, ['INSUFFICIENT_STOCKS']])
  assert.deepEqual(await send({ operation: 'HOLD' }), [400, ['INVALID_OPERATION']])
  assert.deepEqual(await send({ total_shares: '0' }), [400, ['INVALID_OPERATION']])
  world.clock.set(startMs + 8 * 3_600_000)
  assert.deepEqual(await send({ operation: 'SELL', total_shares: '3' }), [
    403,
    ['CLOSED_MARKET', 'INSUFFICIENT_STOCKS'],
  ])
  assert.equal((await world.get(account)).json().cash, 899.5)
})

test('Market hours are checked against the clock of the server, whatever the timestamp', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const night = String(startSeconds - 10 * 3600)
  assert.equal((await world.form(`${account}/orders`, { ...buy, timestamp: night })).statusCode, 200)
  world.clock.set(startMs + 3 * 3_600_000)
  assert.equal((await world.form(`${account}/orders`, buy)).statusCode, 403)
})

test('Duplicates arrive less than 300 seconds apart, whatever their timestamps', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const old = startSeconds - 5_000
  const send = async (timestamp: number) =>
    (await world.form(`${account}/orders`, { ...buy, timestamp: String(timestamp) })).statusCode
  assert.equal(await send(old), 200)
  world.clock.advance(299_999)
  assert.equal(await send(old + 1_000), 425)
  world.clock.advance(1)
  assert.equal(await send(old + 1_000), 200)
})

test('A timestamp in the future, or not after that of the last accepted order, is 400', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const send = async (timestamp: number, issuer_name: string) => {
    const response = await world.form(`${account}/orders`, {
      ...buy,
      timestamp: String(timestamp),
      issuer_name,
    })
    return [response.statusCode, response.json().message]
  }
  assert.deepEqual(await send(startSeconds + 1, 'A'), [400, 'timestamp must not lie in the future.'])
  assert.deepEqual(await send(startSeconds, 'A'), [200, ''])
  const late = 'timestamp must be later than that of the last accepted order.'
  assert.deepEqual(await send(startSeconds, 'B'), [400, late])
  assert.deepEqual(await send(startSeconds - 1, 'B'), [400, late])
  world.clock.advance(1_000)
  assert.deepEqual(await send(startSeconds + 1, 'B'), [200, ''])
})

test('A malformed form is a 400 envelope that names every faulty field, and changes nothing', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const bad = { timestamp: 'now', operation: 'BUY', total_shares: '', share_price: '1,5', owner: 'eve' }
  const response = await world.form(`${account}/orders`, bad)
  assert.equal(response.statusCode, 400)
  const { HTTPResponse, data, message } = response.json()
  assert.equal(HTTPResponse, 400)
  assert.deepEqual(data.errors, {
    timestamp: 'timestamp must be a number.',
    issuer_name: 'issuer_name is required.',
    total_shares: 'total_shares must be a number.',
    share_price: 'share_price must be a number.',
    owner: 'owner is not a field of this request.',
  })
  assert.match(message, /issuer_name is required\./)
  assert.deepEqual((await world.get(`${account}/orders`)).json(), [])
  for (const payload of ['cash=1&cash=2', 'cash=%zz', 'cash=-1', '', 'cash'])
    assert.equal(
      (await world.send('/accounts', 'application/x-www-form-urlencoded', payload)).json().HTTPResponse,
      400,
      payload,
    )
})

test('An unknown account is a 404 envelope, also when it is replayed', async (t) => {
  const { form } = await createWorld(t)
  const envelope = { HTTPResponse: 404, data: {}, message: 'Account not found.' }
  for (const id of ['1', 'abc', '-1']) {
    const response = await form(`/accounts/${id}/orders`, buy)
    assert.equal(response.statusCode, 404)
    assert.deepEqual(response.json(), envelope)
  }
  const key = { 'idempotency-key': 'k' }
  await form('/accounts/1/orders', buy, key)
  const again = await form('/accounts/1/orders', buy, key)
  assert.equal(again.headers['idempotency-replayed'], 'true')
  assert.deepEqual(again.json(), envelope)
})

test('Idempotency-Key and client_order_id work as they do with JSON, also across both formats', async (t) => {
  const world = await createWorld(t)
  const account = await openByForm(world)
  const key = { 'idempotency-key': 'k' }
  const first = await world.form(`${account}/orders`, { ...buy, client_order_id: 'one' }, key)
  const again = await world.form(`${account}/orders`, { ...buy, client_order_id: 'one' }, key)
  assert.equal(again.body, first.body)
  const asJson = await world.order(account, {
    ...buy,
    total_shares: 2,
    share_price: 50.25,
    client_order_id: 'one',
  })
  assert.equal(asJson.json().current_balance.cash, 899.5)
  const other = await world.form(`${account}/orders`, { ...buy, total_shares: '1', client_order_id: 'one' })
  assert.equal(other.statusCode, 409)
  assert.equal(other.json().HTTPResponse, 409)
  assert.equal((await world.get(`${account}/orders`)).json().length, 1)
})

test('A body that is too large is a 413 envelope', async (t) => {
  const { form } = await createWorld(t)
  const response = await form('/accounts', { cash: '1'.repeat(1_048_577) })
  assert.equal(response.statusCode, 413)
  assert.equal(response.json().HTTPResponse, 413)
})
