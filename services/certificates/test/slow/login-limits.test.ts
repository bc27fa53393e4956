import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ada, createWorld } from '../world.ts'

const bob = { name: 'Bob', email: 'bob@example.com', password: 'battery staple' }

/** A service with limits, and what sends it logins. */
async function start(t: TestContext) {
  const { app, addUser } = await createWorld(t, { RATE_LIMIT: 'on' })
  await addUser()
  await addUser(bob)
  return (remoteAddress: string, email: string, password: string) =>
    app.inject({ method: 'POST', url: '/users/login', remoteAddress, payload: { email, password } })
}

const attacks: readonly (readonly [string, { hashesMax: number; guess(i: number): [string, string] }])[] = [
  [
    'from one network, for ever other accounts',
    { hashesMax: 5, guess: (i) => [`2001:db8:1:2::${i.toString(16)}`, `user${i}@example.com`] },
  ],
  [
    'from 1,000 addresses, for one account',
    { hashesMax: 20, guess: (i) => [`198.18.${(i % 1_000) >> 8}.${i & 255}`, ada.email] },
  ],
]
for (const [name, { hashesMax, guess }] of attacks)
  test(`Of 10,000 guesses ${name}, ${hashesMax} are hashed, and the user of another account logs in meanwhile`, async (t) => {
    const login = await start(t)
    const counts = new Map<number, number>()
    for (let start = 0; start < 10_000; start += 100) {
      const guesses = Array.from({ length: 100 }, (_, i) => login(...guess(start + i), `guess ${start + i}`))
      if (start === 5_000)
        assert.deepEqual((await login('203.0.113.9', bob.email, bob.password)).json(), { id: 2 })
      for (const { statusCode } of await Promise.all(guesses))
        counts.set(statusCode, (counts.get(statusCode) ?? 0) + 1)
    }
    assert.deepEqual(Object.fromEntries(counts), { 401: hashesMax, 429: 10_000 - hashesMax })
  })
