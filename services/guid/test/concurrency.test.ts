import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createWorld } from './world.ts'

const canonical = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
const hundred = Array.from({ length: 100 }, (_, i) => i)
const count = (responses: readonly { statusCode: number }[], status: number) =>
  responses.filter(({ statusCode }) => statusCode === status).length

test('Of 100 parallel registrations of one GUID exactly one is 201, and the others are 409', async (t) => {
  const { post, get } = await createWorld(t)
  const responses = await Promise.all(hundred.map((i) => post(`/guid/${canonical}`, { user: `user-${i}` })))
  assert.equal(count(responses, 201), 1)
  assert.equal(count(responses, 409), 99)
  const winner = responses.find(({ statusCode }) => statusCode === 201)
  assert.deepEqual((await get(`/guid/${canonical}`)).json(), winner?.json())
})

test('Of 100 parallel unconditional writers all are 200, each with its own version', async (t) => {
  const { post, patch } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada' })
  const responses = await Promise.all(hundred.map((i) => patch(`/guid/${canonical}`, { user: `user-${i}` })))
  assert.equal(count(responses, 200), 100)
  assert.equal(new Set(responses.map(({ headers }) => headers.etag)).size, 100)
})

test('Of 100 parallel deletions exactly one is 204, and the others are 404', async (t) => {
  const { post, delete: remove } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada' })
  const responses = await Promise.all(hundred.map(() => remove(`/guid/${canonical}`)))
  assert.equal(count(responses, 204), 1)
  assert.equal(count(responses, 404), 99)
})

test('A read returns the write that was acknowledged before it, over 1,000 rounds beside other readers', async (t) => {
  const { post, patch, get } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'start' })
  for (let round = 0; round < 1_000; round++) {
    // They begin in other turns of the event loop in each round, most of them while the write is under way.
    const others = Array.from({ length: 8 }, async (_, reader) => {
      for (let turns = (round * (reader + 1)) % 32; turns > 0; turns--) await nextTurn()
      await get(`/guid/${canonical}`)
    })
    await patch(`/guid/${canonical}`, { user: `round-${round}` })
    const [first, second] = await Promise.all([get(`/guid/${canonical}`), get(`/guid/${canonical}`)])
    assert.equal(first.json().user, `round-${round}`)
    assert.equal(second.json().user, `round-${round}`)
    await Promise.all(others)
  }
})
