import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from './world.ts'

/** Nothing listens on this port. */
const unavailable = { CACHE_URL: 'redis://127.0.0.1:1' }

test('While the shared cache is unavailable a generated GUID can be registered and read, since no cache can have an entry of it', async (t) => {
  const { post, get } = await createWorld(t, unavailable)
  const created = await post('/guid', { user: 'ada' })
  assert.equal(created.statusCode, 201)
  const read = await get(created.headers.location ?? '')
  assert.equal(read.statusCode, 200)
  assert.equal(read.body, created.body)
})

test('While the shared cache is unavailable every other write is 503 with Retry-After and changes nothing', async (t) => {
  const { post, patch, get, delete: remove } = await createWorld(t, unavailable)
  const { guid } = (await post('/guid', { user: 'ada' })).json()
  const named = `/guid/${'0123456789ABCDEF'.repeat(2)}`
  for (const response of [
    await post(named, { user: 'eve' }),
    await patch(`/guid/${guid}`, { user: 'eve' }),
    await remove(`/guid/${guid}`),
  ]) {
    assert.equal(response.statusCode, 503)
    assert.equal(response.headers['retry-after'], '1')
  }
  assert.equal((await get(named)).statusCode, 404)
  assert.equal((await get(`/guid/${guid}`)).json().user, 'ada')
})
