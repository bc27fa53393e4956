import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openOnceQueue, openQueue } from '@quintet/chassis/queue'
import type { Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createPrincipals } from '@quintet/chassis/testing/principals'
import { ownerHeader } from '@quintet/contracts'
import type { GatewayConfig } from '../src/config.ts'
import { topology } from '../src/topology.ts'
import { ask } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { absentUpstream } from './start-upstream.ts'

const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
const text = '{"user_id":"3","number_of_items":"5","total_amount":"180"}'
const dayMs = 24 * 3_600_000

/** A gateway, and the queue that it posts to, without a consumer. */
async function createWorld(t: TestContext, settings: Partial<GatewayConfig> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-orders-'))
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const QUEUE_URL = `sqlite:${join(folder, 'queue.db')}`
  const queue = await openOnceQueue(QUEUE_URL, { clock })
  t.after(async () => {
    await queue.close()
    rmSync(folder, { recursive: true })
  })
  const BILLING_URL = await absentUpstream(t)
  const { url } = await startGateway(t, { QUEUE_URL, BILLING_URL, ...settings }, { clock, topology })
  return { url, queue, clock, held: () => heldIn(queue), post: postTo(url) }
}

function postTo(url: string) {
  return (body: unknown, headers: Record<string, string> = {}) =>
    ask(`${url}/api/billing`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
}

const heldIn = (queue: Queue<UnkeyedMessage>) => queue.list('billing_queue', { limit: 1_000 })

test('POST /api/billing is 200 with the id of the message, which is in the queue as posted', async (t) => {
  const { post, held } = await createWorld(t)
  const answer = await post(order)
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json; charset=utf-8'])
  const [message, ...others] = await held()
  assert.deepEqual(answer.json(), { message: 'Message posted', message_id: message?.id })
  assert.deepEqual([message?.body, others.length], [text, 0])
})

test('A trailing slash, the order of members and whitespace make no difference', async (t) => {
  const { url, held } = await createWorld(t)
  const body = '{ "total_amount": "180",\n "user_id": "3", "number_of_items": "5" }'
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  assert.equal((await ask(`${url}/api/billing/`, { method: 'POST', headers, body })).status, 200)
  assert.deepEqual(
    (await held()).map((message) => message.body),
    [text],
  )
})

test('A number is its value, whatever its notation', async (t) => {
  const { post, held } = await createWorld(t)
  await post('{"user_id":3.0,"number_of_items":5e0,"total_amount":1e-05}')
  await post('{"user_id":0.3e1,"number_of_items":50e-1,"total_amount":1.8e2}')
  assert.deepEqual(
    (await held()).map(({ body }) => JSON.parse(body)),
    [
      { user_id: '3', number_of_items: '5', total_amount: '0.00001' },
      { user_id: '3', number_of_items: '5', total_amount: '180' },
    ],
  )
})

test('Numbers are accepted like strings, with all their digits', async (t) => {
  const { post, held } = await createWorld(t)
  await post('{"user_id":12345678901234567890,"number_of_items":5,"total_amount":180.10}')
  await post('{"user_id":"0","number_of_items":999999999,"total_amount":123456789012345.123456}')
  assert.deepEqual(
    (await held()).map(({ body }) => JSON.parse(body)),
    [
      { user_id: '12345678901234567890', number_of_items: '5', total_amount: '180.10' },
      { user_id: '0', number_of_items: '999999999', total_amount: '123456789012345.123456' },
    ],
  )
})

test('The message carries the request id and continues the trace of the client', async (t) => {
  const { post, held } = await createWorld(t)
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  await post(order, { 'x-request-id': 'mine', traceparent: `00-${trace}-00f067aa0ba902b7-01` })
  const [message] = await held()
  assert.equal(message?.headers?.['x-request-id'], 'mine')
  assert.match(
    String(message?.headers?.traceparent),
    new RegExp(`^00-${trace}-(?!00f067aa0ba902b7).{16}-01$`),
  )
})

const notNumeric = [
  'abc',
  '',
  ' ',
  ' 5',
  '5 ',
  '1e3',
  '0x10',
  'NaN',
  'Infinity',
  '1,000',
  '--1',
  '٣',
  true,
  null,
  {},
  [5],
]
const bad: Record<string, readonly unknown[]> = {
  user_id: [...notNumeric, '-1', '1.5', '007', '123456789012345678901', -1, 1e21],
  number_of_items: [...notNumeric, '-1', '0', '1.5', '01', '1000000000', 0, 1.5],
  total_amount: [...notNumeric, '-1', '.5', '5.', '1.1234567', '1234567890123456', '00', -0.01, 1e-7],
}

for (const [field, values] of Object.entries(bad))
  test(`An invalid ${field} is 400 with its name, and nothing is posted`, async (t) => {
    const { post, held } = await createWorld(t)
    for (const value of values) {
      const answer = await post({ ...order, [field]: value })
      assert.equal(answer.status, 400, JSON.stringify(value))
      assert.deepEqual(Object.keys(Object(answer.json().errors)), [field], JSON.stringify(value))
      assert.match(String(answer.json().message), new RegExp(`^${field} must be `))
    }
    assert.deepEqual(await held(), [])
  })

test('All faults are reported at once, by field, and nothing is posted', async (t) => {
  const { post, held } = await createWorld(t)
  const answer = await post({ number_of_items: 'five', note: 'x' })
  assert.deepEqual(
    [answer.status, answer.headers['content-type']],
    [400, 'application/problem+json; charset=utf-8'],
  )
  const { errors, detail, message } = answer.json()
  assert.deepEqual(errors, {
    user_id: 'user_id is required.',
    total_amount: 'total_amount is required.',
    number_of_items: 'number_of_items must be a whole number from 1 to 999999999.',
    note: 'note is not a field of this request.',
  })
  assert.equal(detail, message)
  assert.deepEqual(await held(), [])
})

for (const body of ['', '{', 'user_id=3', '{"user_id":03}', '[]', 'null', '"3"', '7', `[${text}]`])
  test(`A body of ${body || 'nothing'} is 400`, async (t) => {
    const { post, held } = await createWorld(t)
    assert.equal((await post(body)).status, 400)
    assert.deepEqual(await held(), [])
  })

test('Another media type is 415, a body over 4 KiB 413, an Accept without JSON 406', async (t) => {
  const { post, held } = await createWorld(t)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
    assert.equal((await post(text, { 'content-type': type })).status, 415, type)
  assert.equal((await post({ ...order, note: 'x'.repeat(4_096) })).status, 413)
  assert.equal((await post(order, { accept: 'text/html' })).status, 406)
  assert.deepEqual(await held(), [])
})

test('Without a key, the same order posted twice is two messages', async (t) => {
  const { post, held } = await createWorld(t)
  await post(order)
  await post(order)
  assert.equal((await held()).length, 2)
})

test('A retry with the same Idempotency-Key gets the same response and makes no second message, even after the first was handled', async (t) => {
  const { post, held, queue, clock } = await createWorld(t)
  const headers = { 'idempotency-key': 'k-1' }
  const first = await post(order, headers)
  assert.equal(first.headers['idempotency-replayed'], undefined)
  const again = await post({ ...order, user_id: 3 }, headers)
  assert.deepEqual([again.status, again.json()], [200, first.json()])
  assert.equal(again.headers['idempotency-replayed'], 'true')
  assert.equal((await held()).length, 1)
  await queue.purge('billing_queue')
  clock.advance(dayMs - 1)
  assert.deepEqual((await post(order, headers)).json(), first.json())
  assert.deepEqual(await held(), [])
})

/** The id under which an earlier version published the order for this key. */
function formerIdOf(key: string): string {
  const hex = createHash('sha256').update(`${key}\n${text}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18, 30)}`
}

test('An order that an earlier version published under a key is not published again, and another is', async (t) => {
  const { post, held, queue, clock } = await createWorld(t)
  const id = '98e2c0c0-0000-8000-a000-000000000000'
  const former = formerIdOf('k-1')
  const once = { forMs: dayMs }
  await queue.publishOnce('billing_queue', { id: former, key: '', body: text }, { ...once, key: 'k-1' })
  await queue.publishOnce('billing_queue', { id, key: '', body: text }, { ...once, key: 'k-2' })
  const again = await post(order, { 'idempotency-key': 'k-1' })
  assert.equal(again.headers['idempotency-replayed'], 'true')
  assert.equal(again.json().message_id, former)
  assert.equal((await held()).length, 2)
  for (const key of ['k-2', 'k-3']) {
    const other = await post(order, { 'idempotency-key': key })
    assert.equal(other.headers['idempotency-replayed'], undefined)
  }
  assert.equal((await held()).length, 4)
  clock.advance(dayMs)
  assert.equal((await post(order, { 'idempotency-key': 'k-1' })).headers['idempotency-replayed'], undefined)
})

test('An amount in any notation is the same order under an Idempotency-Key', async (t) => {
  const { post } = await createWorld(t)
  const headers = { 'idempotency-key': 'k-1' }
  const first = await post({ ...order, total_amount: '181' }, headers)
  assert.equal(first.status, 200)
  for (const total_amount of ['181.0', '181.000000', 181, 181.0]) {
    const again = await post({ ...order, total_amount }, headers)
    assert.deepEqual([again.status, again.body], [200, first.body])
    assert.equal(again.headers['idempotency-replayed'], 'true')
  }
  for (const total_amount of ['181.000001', '18.1', '1810'])
    assert.equal((await post({ ...order, total_amount }, headers)).status, 422)
})

test('The same Idempotency-Key with another order is 422 for a day, even after the first was handled', async (t) => {
  const { post, held, queue, clock } = await createWorld(t)
  const headers = { 'idempotency-key': 'k-1' }
  await post(order, headers)
  const other = { ...order, total_amount: '180.5' }
  const refused = await post(other, headers)
  assert.deepEqual([refused.status, refused.json().type], [422, 'urn:quintet:problem:idempotency-mismatch'])
  await queue.purge('billing_queue')
  clock.advance(dayMs - 1)
  assert.equal((await post(other, headers)).status, 422)
  assert.deepEqual(await held(), [])
})

test('After a day an Idempotency-Key makes a new message for another order, and the same message for the same order', async (t) => {
  const { post, clock } = await createWorld(t)
  const headers = { 'idempotency-key': 'k-1' }
  const first = (await post(order, headers)).json()
  clock.advance(dayMs)
  const other = (await post({ ...order, user_id: '4' }, headers)).json()
  assert.notEqual(other.message_id, first.message_id)
  clock.advance(dayMs)
  assert.equal((await post(order, headers)).json().message_id, first.message_id)
})

test('Of 50 concurrent posts with one Idempotency-Key one is stored, and all get its id', async (t) => {
  const { post, held } = await createWorld(t)
  const headers = { 'idempotency-key': 'k-1' }
  const answers = await Promise.all(Array.from({ length: 50 }, () => post(order, headers)))
  const [message, ...others] = await held()
  assert.equal(others.length, 0)
  for (const answer of answers)
    assert.deepEqual([answer.status, answer.json().message_id], [200, message?.id])
  assert.equal(answers.filter((one) => one.headers['idempotency-replayed'] === undefined).length, 1)
})

for (const key of ['', 'x'.repeat(256), 'é'])
  test(`An invalid Idempotency-Key of ${key.length} characters is 400`, async (t) => {
    const { post, held } = await createWorld(t)
    const answer = await post(order, { 'idempotency-key': key })
    assert.deepEqual([answer.status, Object.keys(Object(answer.json().errors))], [400, ['Idempotency-Key']])
    assert.deepEqual(await held(), [])
  })

test('With Prefer: respond-async the response is 202 with the location of the order', async (t) => {
  const { post, held } = await createWorld(t)
  const answer = await post(order, { prefer: 'respond-async' })
  const [message] = await held()
  assert.deepEqual(
    [answer.status, answer.json()],
    [202, { message: 'Message posted', message_id: message?.id }],
  )
  assert.equal(answer.headers['preference-applied'], 'respond-async')
  assert.equal(answer.headers.location, `/api/orders/by-message/${message?.id}`)
})

test('When the limit of waiting orders is reached, the next is 503 with Retry-After, and those that wait are kept', async (t) => {
  const { post, held, queue } = await createWorld(t, { GATEWAY_ORDERS_WAITING_MAX: 3 })
  for (let i = 0; i < 3; i++) assert.equal((await post(order)).status, 200)
  const refused = await post(order)
  assert.deepEqual([refused.status, Number(refused.headers['retry-after']) > 0], [503, true])
  assert.equal((await held()).length, 3)
  await queue.purge('billing_queue')
  assert.equal((await post(order)).status, 200)
})

test('While the queue cannot be opened posting is 503 with Retry-After and the rest works; posting works once it can be opened', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-orders-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const inTheWay = join(folder, 'here')
  writeFileSync(inTheWay, 'a file where a folder should be')
  const { url } = await startGateway(
    t,
    { QUEUE_URL: `sqlite:${join(inTheWay, 'queue.db')}` },
    { clock, topology },
  )
  const post = postTo(url)
  const refused = await post(order)
  assert.deepEqual([refused.status, Number(refused.headers['retry-after']) > 0], [503, true])
  assert.doesNotMatch(refused.body.toString(), /quintet-orders|queue\.db|ENOTDIR/)
  assert.equal((await post({ user_id: 'x' })).status, 400)
  assert.equal((await ask(`${url}/health/ready`)).status, 503)
  rmSync(inTheWay)
  assert.equal((await post(order)).status, 503, 'it is not tried again within a second')
  clock.advance(1_000)
  assert.equal((await post(order)).status, 200)
})

test('An order that got 200 is in the queue after the gateway was closed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-orders-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const QUEUE_URL = `sqlite:${join(folder, 'queue.db')}`
  const { app, url } = await startGateway(t, { QUEUE_URL })
  const posting = Array.from({ length: 20 }, () => postTo(url)(order))
  // Those that closing cuts off are handled from the start.
  const settling = Promise.allSettled(posting)
  await posting[0]
  await app.close()
  const answers = await settling
  const queue = await openQueue(QUEUE_URL)
  t.after(() => queue.close())
  const ids = new Set((await heldIn(queue)).map(({ id }) => id))
  const accepted = answers.flatMap((one) =>
    one.status === 'fulfilled' && one.value.status === 200 ? [String(one.value.json().message_id)] : [],
  )
  assert.ok(accepted.length > 0)
  for (const id of accepted) assert.ok(ids.has(id))
})

test('The message has its owner from who is authenticated, whatever the request says, and a key is one owner’s', async (t) => {
  const principals = createPrincipals(t, ['orders:write'], 'optional')
  const { url, held } = await createWorld(t, principals.settings)
  const forged = { [ownerHeader]: 'key:bob', [`x-${ownerHeader}`]: 'key:bob', 'idempotency-key': 'k' }
  const ids: unknown[] = []
  for (const sender of ['ada', 'bob', 'nobody', 'ada'] as const) {
    const request = { method: 'POST', path: '/api/billing', body: order, headers: forged }
    const { status, text: response } = await principals.send(url, sender, request)
    assert.equal(status, 200)
    ids.push(JSON.parse(response).message_id)
  }
  assert.equal(ids[3], ids[0])
  const messages = await held()
  assert.deepEqual(
    messages.map(({ id, headers }) => [id, headers?.[ownerHeader]]),
    [
      [ids[0], 'key:ada'],
      [ids[1], 'key:bob'],
      [ids[2], undefined],
    ],
  )
  for (const { body, headers = {} } of messages) {
    assert.equal(body, text)
    assert.deepEqual(
      Object.keys(headers).filter((name) => name !== ownerHeader),
      ['x-request-id', 'traceparent'],
    )
  }
})

test('Where clients are not authenticated, a message has no owner', async (t) => {
  const { post, held } = await createWorld(t)
  await post(order, { [ownerHeader]: 'key:bob' })
  const [message] = await held()
  assert.deepEqual(Object.keys(message?.headers ?? {}), ['x-request-id', 'traceparent'])
})

test('A key of an earlier version stands for no message of somebody who is authenticated', async (t) => {
  const principals = createPrincipals(t, ['orders:write'], 'optional')
  const { url, queue } = await createWorld(t, principals.settings)
  const id = formerIdOf('k')
  await queue.publishOnce('billing_queue', { id, key: '', body: text }, { key: 'k', forMs: dayMs })
  const headers = { 'idempotency-key': 'k' }
  const post = async (sender: 'ada' | 'nobody') =>
    JSON.parse(
      (await principals.send(url, sender, { method: 'POST', path: '/api/billing', body: order, headers }))
        .text,
    )
  assert.equal((await post('nobody')).message_id, id)
  assert.notEqual((await post('ada')).message_id, id)
})
