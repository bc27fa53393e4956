import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createWorld, startSeconds } from './world.ts'
import type { World } from './world.ts'

const canonical = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
const later = { prefer: 'respond-async' }

/** Polls an operation until it is completed, which takes the real workers some time. */
async function outcome({ get }: World, location: unknown) {
  for (let tries = 0; tries < 500; tries++) {
    const response = await get(String(location))
    assert.equal(response.statusCode, 200)
    if (response.json().status !== 'pending') return response.json()
    await pause(10)
  }
  throw new Error('The operation was not completed.')
}

test('POST with Prefer: respond-async is 202 with an operation, whose result is the GUID', async (t) => {
  const world = await createWorld(t)
  const response = await world.post('/guid', { user: 'ada' }, later)
  assert.equal(response.statusCode, 202)
  assert.equal(response.headers['preference-applied'], 'respond-async')
  const { id } = response.json()
  assert.equal(response.headers.location, `/operations/${id}`)
  const operation = await outcome(world, response.headers.location)
  assert.equal(operation.id, id)
  assert.equal(operation.status, 'succeeded')
  assert.deepEqual((await world.get(`/guid/${operation.result.guid}`)).json(), operation.result)
  assert.equal(operation.result.expire, String(startSeconds + 30 * 86_400))
})

test('Commands of one GUID are applied in the order in which they were accepted', async (t) => {
  const world = await createWorld(t)
  const locations = [(await world.post(`/guid/${canonical}`, { user: 'user-0' }, later)).headers.location]
  for (let i = 1; i <= 20; i++)
    locations.push((await world.patch(`/guid/${canonical}`, { user: `user-${i}` }, later)).headers.location)
  for (const [i, location] of locations.entries())
    assert.equal((await outcome(world, location)).result.user, `user-${i}`)
  assert.equal((await world.get(`/guid/${canonical}`)).json().user, 'user-20')
})

test('A malformed command is 400 at once, and nothing is accepted', async (t) => {
  const { post, patch } = await createWorld(t)
  assert.equal((await post('/guid', { user: 7 }, later)).statusCode, 400)
  assert.equal((await patch(`/guid/${canonical}`, {}, later)).statusCode, 400)
})

test('A command that the rules refuse fails its operation, with the problem of a synchronous request', async (t) => {
  const world = await createWorld(t)
  await world.post(`/guid/${canonical}`, { user: 'ada' })
  const taken = await world.post(`/guid/${canonical}`, { user: 'eve' }, later)
  const missing = await world.patch(`/guid/${canonical.replace('5', '6')}`, { user: 'eve' }, later)
  const stale = await world.patch(`/guid/${canonical}`, { user: 'eve' }, { ...later, 'if-match': '"1"' })
  const problems = await Promise.all(
    [taken, missing, stale].map(async ({ headers }) => (await outcome(world, headers.location)).problem),
  )
  assert.deepEqual(
    problems.map(({ status }) => status),
    [409, 404, 412],
  )
  assert.equal(problems[1].detail, 'GUID not found or has expired.')
  assert.equal((await world.get(`/guid/${canonical}`)).json().user, 'ada')
})

test('An operation that does not exist is 404', async (t) => {
  const { get } = await createWorld(t)
  for (const id of ['nothing', '%00', '%EF%BF%BF', "1'--"])
    assert.equal((await get(`/operations/${id}`)).statusCode, 404, id)
})

test('The same Idempotency-Key gets the same operation, and the command is applied once', async (t) => {
  const world = await createWorld(t)
  const headers = { ...later, 'idempotency-key': 'k-1' }
  const first = await world.post('/guid', { user: 'ada' }, headers)
  const again = await world.post('/guid', { user: 'ada' }, headers)
  assert.equal(again.headers.location, first.headers.location)
  await outcome(world, first.headers.location)
  assert.equal((await world.get('/guids')).json().length, 1)
})

test('While the backlog is full the response is 503 with Retry-After, and every accepted operation completes', async (t) => {
  const world = await createWorld(t, { GUID_BACKLOG_MAX: '5' })
  const responses = await Promise.all(
    Array.from({ length: 50 }, () => world.post('/guid', { user: 'ada' }, later)),
  )
  const accepted = responses.filter(({ statusCode }) => statusCode === 202)
  const refused = responses.filter(({ statusCode }) => statusCode === 503)
  assert.equal(accepted.length + refused.length, 50)
  assert.equal(accepted.length, 5)
  assert.ok(Number(refused[0]?.headers['retry-after']) > 0)
  for (const { headers } of accepted)
    assert.equal((await outcome(world, headers.location)).status, 'succeeded')
  assert.equal((await world.get('/guids')).json().length, accepted.length)
  world.clock.advance(100)
  assert.equal((await world.post('/guid', { user: 'ada' }, later)).statusCode, 202)
})

test('GET /operations/{id} has an ETag that changes when the operation completes', async (t) => {
  const world = await createWorld(t)
  const { headers } = await world.post('/guid', { user: 'ada' }, later)
  await outcome(world, headers.location)
  const { etag } = (await world.get(String(headers.location))).headers
  assert.equal((await world.get(String(headers.location), { 'if-none-match': String(etag) })).statusCode, 304)
})
