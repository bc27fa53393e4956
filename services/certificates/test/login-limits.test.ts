import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ada, createWorld } from './world.ts'

test('Beyond their limit logins are 429 before a password is hashed, for the address and for the account; time brings more', async (t) => {
  const { app, clock, addUser } = await createWorld(t, { RATE_LIMIT: 'on' })
  await addUser()
  const login = (remoteAddress: string, email: string, password = 'guess') =>
    app.inject({ method: 'POST', url: '/users/login', remoteAddress, payload: { email, password } })
  for (let i = 0; i < 5; i++) assert.equal((await login('192.0.2.1', ada.email)).statusCode, 401)
  const refused = await login('192.0.2.1', ada.email, ada.password)
  assert.equal(refused.statusCode, 429)
  assert.equal(refused.headers['retry-after'], '6')
  assert.equal(refused.headers['ratelimit-policy'], '"login";q=10;w=60;quintet-burst=5, "account";q=20;w=60')
  assert.equal(refused.headers.ratelimit, '"login";r=0;t=6, "account";r=15;t=3')
  const { type, title, status, detail, description, ...rest } = refused.json()
  assert.deepEqual(
    { type, title, status, detail, description, violated: rest['violated-policies'] },
    {
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      detail: 'The limit "login" is reached; try again in 6 s.',
      description: 'The limit "login" is reached; try again in 6 s.',
      violated: ['login'],
    },
  )
  for (let i = 0; i < 15; i++) await login(`192.0.2.${2 + (i >> 2)}`, ada.email.toUpperCase())
  const ofAccount = await login('198.51.100.1', ada.email, ada.password)
  assert.deepEqual([ofAccount.statusCode, ofAccount.json()['violated-policies']], [429, ['account']])
  clock.advance(6_000)
  assert.equal((await login('192.0.2.1', ada.email, ada.password)).statusCode, 200)
  assert.equal((await login('198.51.100.1', ada.email, ada.password)).statusCode, 200)
})

test('Logins have no limits where RATE_LIMIT is off, and all else of the service none where the gateway counts', async (t) => {
  const off = await createWorld(t)
  for (let i = 0; i < 7; i++) {
    const response = await off.post('/users/login', { email: ada.email, password: 'guess' })
    assert.deepEqual([response.statusCode, response.headers.ratelimit], [401, undefined])
  }
  const on = await createWorld(t, { RATE_LIMIT: 'on', RATE_LIMIT_POLICIES: '"client";q=1;w=60;by="address"' })
  for (let i = 0; i < 3; i++) assert.equal((await on.get('/users/1')).statusCode, 404)
})
