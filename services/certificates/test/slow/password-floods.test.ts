import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ada, createWorld } from '../world.ts'

const attackers: readonly (readonly [string, { email: string; from: string }])[] = [
  ['another account, from the same address', { email: 'eve@example.com', from: '198.51.100.1' }],
  ['the same account, from another address', { email: ada.email, from: '192.0.2.1' }],
  ['the same account, from an IPv6 network', { email: ada.email, from: '2001:db8::' }],
]
for (const [name, { email, from }] of attackers)
  test(`While 120 passwords are guessed for ${name}, the user logs in`, async (t) => {
    const { app, addUser } = await createWorld(t)
    await addUser()
    const login = (remoteAddress: string, payload: object) =>
      app.inject({ method: 'POST', url: '/users/login', remoteAddress, payload })
    const guesses = Array.from({ length: 120 }, (_, i) =>
      login(from.endsWith('::') ? `${from}${i.toString(16)}` : from, { email, password: `guess ${i}` }),
    )
    await turn()
    const user = await login('198.51.100.1', { email: ada.email, password: ada.password })
    assert.deepEqual([user.statusCode, user.json()], [200, { id: 1 }])
    const responses = await Promise.all(guesses)
    const refused = responses.filter(({ statusCode }) => statusCode === 429)
    assert.ok(refused.length > 40, `${refused.length} were refused`)
    for (const { headers } of refused) assert.equal(headers['retry-after'], '1')
    for (const { statusCode } of responses)
      assert.ok(statusCode === 401 || statusCode === 429, String(statusCode))
  })

test('While users are added by the hundred from one address, another adds one', async (t) => {
  const { app } = await createWorld(t)
  const add = (remoteAddress: string, i: number) =>
    app.inject({
      method: 'POST',
      url: '/users',
      remoteAddress,
      payload: { ...ada, email: `${i}@example.com` },
    })
  const flood = Array.from({ length: 120 }, (_, i) => add('192.0.2.1', i))
  await turn()
  assert.equal((await add('198.51.100.1', 120)).statusCode, 201)
  const statuses = new Set((await Promise.all(flood)).map(({ statusCode }) => statusCode))
  assert.deepEqual([...statuses].sort(), [201, 429])
})
