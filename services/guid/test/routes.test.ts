import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { createWorld, startMs, startSeconds } from './world.ts'

const canonical = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
const dashed = '5e95aad3-b0d9-4b0f-8c3d-8a8f7e1c2b3a'
const later = String(startSeconds + 60)

test('An expiry in any notation is the same under an Idempotency-Key, and another is 422', async (t) => {
  const { app } = await createWorld(t)
  const send = (url: string, payload: object) =>
    app.inject({ method: 'POST', url, payload, headers: { 'idempotency-key': 'same' } })
  for (const url of ['/guid', `/guid/${'A'.repeat(32)}`]) {
    const first = await send(url, { user: 'ada', expire: '1999999999' })
    assert.equal(first.statusCode, 201)
    for (const expire of [1999999999, '01999999999', '00000001999999999'])
      assert.equal((await send(url, { user: 'ada', expire })).body, first.body)
    assert.equal((await send(url, { user: 'ada', expire: 1999999998 })).statusCode, 422)
    assert.equal((await send(url, { user: 'ada' })).statusCode, 422)
  }
})

test('POST /guid generates a GUID of 32 upper-case hexadecimal characters that expires in 30 days', async (t) => {
  const { post, get } = await createWorld(t)
  const response = await post('/guid', { user: 'ada' })
  assert.equal(response.statusCode, 201)
  const body = response.json()
  assert.match(body.guid, /^[0-9A-F]{32}$/)
  assert.equal(body.guid[12], '4')
  assert.deepEqual(body, { guid: body.guid, user: 'ada', expire: String(startSeconds + 30 * 86_400) })
  assert.equal(response.headers.location, `/guid/${body.guid}`)
  const found = await get(`/guid/${body.guid}`)
  assert.deepEqual(found.json(), body)
  assert.equal(found.headers.etag, response.headers.etag)
})

test('POST /guid with GUID_VERSION=7 generates GUIDs that sort by time', async (t) => {
  const { post } = await createWorld(t, { GUID_VERSION: '7' })
  const first = (await post('/guid', { user: 'ada' })).json().guid
  const second = (await post('/guid', { user: 'ada' })).json().guid
  assert.equal(first[12], '7')
  assert.ok(first < second)
})

test('POST /guid/{guid} registers that GUID, and the response has the notation of the path', async (t) => {
  const { post, get } = await createWorld(t)
  const response = await post(`/guid/${dashed}`, { user: 'ada', expire: later })
  assert.equal(response.statusCode, 201)
  assert.deepEqual(response.json(), { guid: dashed, user: 'ada', expire: later })
  assert.deepEqual((await get(`/guid/${canonical}`)).json(), { guid: canonical, user: 'ada', expire: later })
  const upper = dashed.toUpperCase()
  assert.equal((await get(`/guid/${upper}`)).json().guid, upper)
  assert.equal((await get(`/guid/${dashed}/`)).json().guid, dashed)
})

const lower = canonical.toLowerCase()
const notations = [canonical, lower, canonical.slice(0, 16) + lower.slice(16), dashed, dashed.toUpperCase()]
for (const notation of notations)
  test(`${notation} is the same GUID in every method, and responses repeat it`, async (t) => {
    const { app, get, post, patch, delete: remove } = await createWorld(t)
    const url = `/guid/${notation}`
    const created = await post(url, { user: 'ada', expire: later })
    assert.deepEqual(
      [created.statusCode, created.json().guid, created.headers.location],
      [201, notation, url],
    )
    for (const other of notations) {
      assert.equal((await get(`/guid/${other}`)).json().guid, other)
      assert.equal((await post(`/guid/${other}`, { user: 'eve' })).statusCode, 409)
      assert.equal((await patch(`/guid/${other}`, { guid: notation, user: 'eve' })).json().guid, other)
    }
    const fast = await fetch(`${await listen(app, { host: '127.0.0.1', port: 0 })}${url}`)
    assert.equal(Reflect.get(Object(await fast.json()), 'guid'), notation)
    assert.equal((await get('/guids')).json()[0].guid, canonical)
    assert.equal((await remove(url)).statusCode, 204)
  })

test('What GET returns can be posted to its path again, in any notation', async (t) => {
  const { get, post, delete: remove } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada', expire: later })
  for (const notation of notations) {
    const found = (await get(`/guid/${notation}`)).json()
    assert.equal((await remove(`/guid/${notation}`)).statusCode, 204)
    const posted = await post(`/guid/${canonical}`, found)
    assert.equal(posted.statusCode, 201)
    assert.deepEqual(posted.json(), { ...found, guid: canonical })
  }
})

test('Another GUID in the body is 400 with all other errors, and so is one where the path has none', async (t) => {
  const { post } = await createWorld(t)
  for (const guid of [canonical.replace('5', '6'), '', 'x', `{${dashed}}`, 5, null]) {
    const response = await post(`/guid/${canonical}`, { guid, user: 7, expire: 1 })
    assert.equal(response.statusCode, 400)
    assert.deepEqual(Object.keys(response.json().errors).sort(), ['expire', 'guid', 'user'])
    assert.equal((await post(`/guid/${canonical}`, { guid, user: 'ada' })).statusCode, 400)
  }
  assert.equal((await post('/guid', { guid: canonical, user: 'ada' })).statusCode, 400)
})

test('A GUID in lower case is registered under its canonical form by a later request too', async (t) => {
  const { get, post } = await createWorld(t)
  const accepted = await post(`/guid/${lower}`, { guid: canonical, user: 'ada' }, { prefer: 'respond-async' })
  assert.equal(accepted.statusCode, 202)
  await until(async () => (await get(`/guid/${canonical}`)).statusCode === 200)
  assert.equal((await get(String(accepted.headers.location))).json().result.guid, canonical)
})

test('POST /guid/{guid} is 409 in either notation while the GUID exists, and 201 once it has expired', async (t) => {
  const { post, get, clock } = await createWorld(t)
  const first = await post(`/guid/${canonical}`, { user: 'ada', expire: later })
  const refused = await post(`/guid/${dashed}`, { user: 'eve' })
  assert.equal(refused.statusCode, 409)
  assert.equal((await get(`/guid/${canonical}`)).json().user, 'ada')
  clock.advance(60_000)
  const again = await post(`/guid/${canonical}`, { user: 'eve' })
  assert.equal(again.statusCode, 201)
  assert.notEqual(again.headers.etag, first.headers.etag)
  assert.equal((await get(`/guid/${canonical}`)).json().user, 'eve')
})

for (const notation of [
  '123',
  `${canonical}0`,
  canonical.slice(1),
  `urn:uuid:${dashed}`,
  canonical.replace('5', 'G'),
  `${dashed}-`,
  dashed.replace('-', ''),
  "'%20or%201=1",
  '%00',
])
  test(`A malformed GUID is 400 with every method: ${JSON.stringify(notation)}`, async (t) => {
    const world = await createWorld(t)
    const url = `/guid/${notation}`
    for (const response of [
      await world.get(url),
      await world.post(url, { user: 'ada' }),
      await world.patch(url, { user: 'ada' }),
      await world.delete(url),
    ]) {
      assert.equal(response.statusCode, 400)
      assert.match(response.json().errors.guid, /^guid must be 32 hexadecimal/)
    }
  })

const invalidBodies: readonly (readonly [unknown, Record<string, string>])[] = [
  [{}, { user: 'User field is required.' }],
  [{ user: 7 }, { user: 'User must be a string.' }],
  [{ user: null }, { user: 'User must be a string.' }],
  [{ user: '' }, { user: 'user must not be empty.' }],
  [{ user: 'x'.repeat(257) }, { user: 'user must have at most 256 characters.' }],
  [{ user: '\ud800' }, { user: 'user must be well-formed Unicode without the character NUL.' }],
  [{ user: 'a\0b' }, { user: 'user must be well-formed Unicode without the character NUL.' }],
  [{ user: 'ada', expire: 'soon' }, { expire: 'Expire must be a string or number of digits.' }],
  [{ user: 'ada', expire: '' }, { expire: 'Expire must be a string or number of digits.' }],
  [{ user: 'ada', expire: 1.5 }, { expire: 'Expire must be a string or number of digits.' }],
  [{ user: 'ada', expire: -1 }, { expire: 'Expire must be a string or number of digits.' }],
  [{ user: 'ada', expire: null }, { expire: 'Expire must be a string or number of digits.' }],
  [{ user: 'ada', expire: true }, { expire: 'Expire must be a string or number of digits.' }],
  [{ user: 'ada', expire: startSeconds }, { expire: 'Expire must be a future Unix timestamp.' }],
  [{ user: 'ada', expire: '0' }, { expire: 'Expire must be a future Unix timestamp.' }],
  [{ user: 'ada', expire: 253_402_300_800 }, { expire: 'expire must be at most 253402300799.' }],
  [{ user: 'ada', owner: 'eve' }, { owner: 'owner is not a field of this request.' }],
  [
    { expire: 'soon', owner: 'eve' },
    {
      user: 'User field is required.',
      expire: 'Expire must be a string or number of digits.',
      owner: 'owner is not a field of this request.',
    },
  ],
  [
    { user: 7, expire: '1' },
    { user: 'User must be a string.', expire: 'Expire must be a future Unix timestamp.' },
  ],
]
for (const [body, errors] of invalidBodies)
  test(`POST /guid refuses ${JSON.stringify(body).slice(0, 60)} with all its errors by field, and stores nothing`, async (t) => {
    const { post, get } = await createWorld(t)
    const response = await post('/guid', body)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(response.json().errors, errors)
    assert.equal(response.json().error, response.json().detail)
    assert.deepEqual((await get('/guids')).json(), [])
  })

test('POST /guid accepts expire as a string of digits or as an integer, and returns it as a string', async (t) => {
  const { post } = await createWorld(t)
  assert.equal((await post('/guid', { user: 'ada', expire: Number(later) })).json().expire, later)
  assert.equal((await post('/guid', { user: 'ada', expire: later })).json().expire, later)
  assert.equal((await post('/guid', { user: 'ada', expire: '253402300799' })).json().expire, '253402300799')
})

test('An expire that is whole only as far as a JavaScript number can tell is refused, and one that is whole is not', async (t) => {
  const { app } = await createWorld(t)
  const post = async (expire: string) => {
    const headers = { 'content-type': 'application/json' }
    const payload = `{"user":"ada","expire": ${expire}}`
    return (await app.inject({ method: 'POST', url: '/guid', headers, payload })).statusCode
  }
  for (const expire of [
    '253402300799.00000000001',
    '253402300799.99999999999999999',
    '4000000000.00000000000000001',
    '40000000000000000000001e-13',
  ])
    assert.equal(await post(expire), 400, expire)
  for (const expire of ['4000000000', '4000000000.0', '4e9', '40000000000e-1', '253402300799.000'])
    assert.equal(await post(expire), 201, expire)
})

test('Text that is hostile to SQL, JSON, logs or terminals is returned unchanged', async (t) => {
  const { post, patch, get } = await createWorld(t)
  for (const user of [
    `'; drop table guid; --`,
    '"}\\u0000{',
    '\u001b[31mred\r\n',
    '<script>',
    '𝒳 مرحبا 🙂',
    '%00%n',
  ]) {
    const { guid } = (await post('/guid', { user })).json()
    assert.equal((await get(`/guid/${guid}`)).json().user, user)
    await patch(`/guid/${guid}`, { user: `${user}!` })
    assert.equal((await get(`/guid/${guid}`)).json().user, `${user}!`)
    assert.equal((await get(`/guids?user=${encodeURIComponent(`${user}!`)}`)).json()[0].guid, guid)
  }
})

test('GET is 404 for a GUID that does not exist, with the detail that clients rely on', async (t) => {
  const { get } = await createWorld(t)
  const response = await get(`/guid/${canonical}`)
  assert.equal(response.statusCode, 404)
  assert.equal(response.json().detail, 'GUID not found or has expired.')
})

test('GET, PATCH and DELETE without a GUID are 400', async (t) => {
  const world = await createWorld(t)
  for (const response of [
    await world.get('/guid'),
    await world.patch('/guid/', { user: 'x' }),
    await world.delete('/guid'),
  ]) {
    assert.equal(response.statusCode, 400)
    assert.equal(response.json().error, 'GUID not provided.')
  }
})

for (const cache of ['memory:', 'none:'])
  test(`A GUID exists until the last millisecond before its expiry and never after, with the cache ${cache}`, async (t) => {
    const { post, get, patch, delete: remove, clock } = await createWorld(t, { CACHE_URL: cache })
    await post(`/guid/${canonical}`, { user: 'ada', expire: later })
    await get(`/guid/${canonical}`)
    clock.set(startMs + 59_999)
    assert.equal((await get(`/guid/${canonical}`)).statusCode, 200)
    assert.equal((await get('/guids')).json().length, 1)
    clock.set(startMs + 60_000)
    assert.equal((await get(`/guid/${canonical}`)).statusCode, 404)
    assert.deepEqual((await get('/guids')).json(), [])
    assert.equal((await patch(`/guid/${canonical}`, { user: 'eve' })).statusCode, 404)
    assert.equal((await remove(`/guid/${canonical}`)).statusCode, 404)
  })

test('PATCH changes the given fields, returns the whole object, and can move the expiry either way', async (t) => {
  const { post, patch, get, clock } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada', expire: later })
  const changed = await patch(`/guid/${dashed}`, { user: 'eve' })
  assert.equal(changed.statusCode, 200)
  assert.deepEqual(changed.json(), { guid: dashed, user: 'eve', expire: later })
  const longer = String(startSeconds + 120)
  await patch(`/guid/${canonical}`, { expire: longer, guid: dashed })
  clock.advance(119_999)
  assert.deepEqual((await get(`/guid/${canonical}`)).json(), { guid: canonical, user: 'eve', expire: longer })
  clock.advance(1)
  assert.equal((await get(`/guid/${canonical}`)).statusCode, 404)
})

for (const [body, errors] of [
  [{}, { body: 'Input data should not be empty.' }],
  [{ guid: canonical }, { body: 'Input data should not be empty.' }],
  [
    { guid: canonical.replace('5', '6'), user: 'x' },
    { guid: 'guid must be the one in the path, or be left out.' },
  ],
  [{ owner: 'eve' }, { owner: 'owner is not a field of this request.' }],
  [
    { user: 7, expire: '1' },
    { user: 'User must be a string.', expire: 'Expire must be a future Unix timestamp.' },
  ],
  [{ user: null }, { user: 'User must be a string.' }],
] as const)
  test(`PATCH refuses ${JSON.stringify(body)} and changes nothing`, async (t) => {
    const { post, patch, get } = await createWorld(t)
    const { etag } = (await post(`/guid/${canonical}`, { user: 'ada' })).headers
    const response = await patch(`/guid/${canonical}`, body)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(response.json().errors, errors)
    assert.equal((await get(`/guid/${canonical}`)).headers.etag, etag)
  })

test('PATCH and DELETE of a missing GUID are 404', async (t) => {
  const { patch, delete: remove } = await createWorld(t)
  assert.equal((await patch(`/guid/${canonical}`, { user: 'ada' })).statusCode, 404)
  const response = await remove(`/guid/${canonical}`)
  assert.equal(response.statusCode, 404)
  assert.equal(response.json().detail, 'GUID not found.')
})

test('DELETE is 204 without a body, and the GUID no longer exists', async (t) => {
  const { post, get, delete: remove } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada' })
  await get(`/guid/${canonical}`)
  const response = await remove(`/guid/${dashed}`)
  assert.equal(response.statusCode, 204)
  assert.equal(response.body, '')
  assert.equal((await get(`/guid/${canonical}`)).statusCode, 404)
  assert.equal((await remove(`/guid/${canonical}`)).statusCode, 404)
})

test('An ETag is never reused, not even when a GUID is deleted and registered again within one millisecond', async (t) => {
  const { post, delete: remove } = await createWorld(t)
  const etags = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    etags.add((await post(`/guid/${canonical}`, { user: 'ada' })).headers.etag)
    await remove(`/guid/${canonical}`)
  }
  assert.equal(etags.size, 20)
})

test('GET /guids pages through all GUIDs in the order of expiry, undisturbed by inserts', async (t) => {
  const { post, get } = await createWorld(t)
  for (let i = 0; i < 7; i++) await post('/guid', { user: `user-${i % 2}`, expire: startSeconds + 100 + i })
  const seen: string[] = []
  let url: string | undefined = '/guids?limit=3'
  while (url !== undefined) {
    const response: Awaited<ReturnType<typeof get>> = await get(url)
    assert.equal(response.statusCode, 200)
    for (const { expire } of response.json()) seen.push(expire)
    await post('/guid', { user: 'user-2', expire: startSeconds + 50 })
    url = /<(.+)>; rel="next"/.exec(String(response.headers.link))?.[1]
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 7 }, (_, i) => String(startSeconds + 100 + i)),
  )
})

test('GET /guids filters by user and by expiry, and pages through the result', async (t) => {
  const { post, get } = await createWorld(t)
  for (let i = 0; i < 6; i++) await post('/guid', { user: `user-${i % 2}`, expire: startSeconds + 100 + i })
  const own = await get('/guids?user=user-1&limit=2')
  assert.deepEqual(
    own.json().map(({ user }: { user: string }) => user),
    ['user-1', 'user-1'],
  )
  const next = String(/<(.+)>; rel="next"/.exec(String(own.headers.link))?.[1])
  assert.deepEqual(
    (await get(next)).json().map(({ expire }: { expire: string }) => Number(expire) - startSeconds),
    [105],
  )
  assert.equal((await get(`/guids?expiring_before=${startSeconds + 102}`)).json().length, 2)
  assert.deepEqual((await get('/guids?user=nobody')).json(), [])
})

for (const query of ['cursor=WzFd', 'expiring_before=soon'])
  test(`GET /guids?${query} is 400 and names the field`, async (t) => {
    const { get } = await createWorld(t)
    const response = await get(`/guids?${query}`)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(Object.keys(response.json().errors), [query.split('=')[0]])
  })

test('Idempotency-Key: the same key is 422 with another body, and a different key on another path', async (t) => {
  const { post } = await createWorld(t)
  const key = { 'idempotency-key': 'k-1' }
  await post('/guid', { user: 'ada' }, key)
  assert.equal((await post('/guid', { user: 'eve' }, key)).statusCode, 422)
  assert.equal((await post(`/guid/${canonical}`, { user: 'eve' }, key)).statusCode, 201)
})

test('Idempotency-Key: a 409 is recorded as well, and a 400 is not', async (t) => {
  const { post, delete: remove } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada' })
  const key = { 'idempotency-key': 'k-1' }
  assert.equal((await post(`/guid/${canonical}`, { user: 7 }, key)).statusCode, 400)
  assert.equal((await post(`/guid/${canonical}`, { user: 'eve' }, key)).statusCode, 409)
  await remove(`/guid/${canonical}`)
  const again = await post(`/guid/${canonical}`, { user: 'eve' }, key)
  assert.equal(again.statusCode, 409)
  assert.equal(again.headers['idempotency-replayed'], 'true')
})
