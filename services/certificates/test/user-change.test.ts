import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { createFileUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { ada, createWorld } from './world.ts'

test('PATCH changes the name, the email or both, and returns the whole user with a new ETag', async (t) => {
  const { patch, post, get, addUser } = await createWorld(t)
  const user = await addUser()
  const steps = [
    [{ name: 'Ada L.' }, { id: 1, name: 'Ada L.', email: ada.email }],
    [{ email: 'l@example.com' }, { id: 1, name: 'Ada L.', email: 'l@example.com' }],
    [
      { name: 'Ada', email: 'Ada@example.org' },
      { id: 1, name: 'Ada', email: 'Ada@example.org' },
    ],
  ] as const
  for (const [change, expected] of steps) {
    const before = (await get(user)).headers.etag
    const response = await patch(user, change)
    assert.equal(response.statusCode, 200)
    assert.deepEqual(response.json(), expected)
    assert.notEqual(response.headers.etag, before)
    const found = await get(user)
    assert.deepEqual([found.json(), found.headers.etag], [expected, response.headers.etag])
  }
  const login = (email: string) => post('/users/login', { email, password: ada.password })
  assert.equal((await login('ADA@example.org')).statusCode, 200)
  assert.equal((await login(ada.email)).statusCode, 401)
})

test('What GET returned may be sent back', async (t) => {
  const { patch, get, addUser } = await createWorld(t)
  const user = await addUser()
  const found = (await get(user)).json()
  const response = await patch(user, found)
  assert.deepEqual([response.statusCode, response.json()], [200, found])
})

test('An email of another user, in any case, is 409, and one that was given up is free', async (t) => {
  const { patch, get, addUser } = await createWorld(t)
  const [user, other] = [await addUser(), await addUser({ ...ada, email: 'eve@example.com' })]
  const refused = await patch(other, { name: 'Eve', email: 'ADA@Example.com' })
  assert.equal(refused.statusCode, 409)
  assert.deepEqual(refused.json().errors, { email: 'email must be one that no other user has.' })
  assert.equal((await get(other)).json().name, 'Ada')
  assert.equal((await patch(user, { email: 'new@example.com' })).statusCode, 200)
  assert.equal((await patch(other, { email: 'ADA@Example.com' })).statusCode, 200)
})

test('Of parallel changes to one email one is 200 and the others are 409', async (t) => {
  const { patch, addUser } = await createWorld(t)
  const users = []
  for (let i = 0; i < 8; i += 1) users.push(await addUser({ ...ada, email: `${i}@example.com` }))
  const responses = await Promise.all(users.map((user) => patch(user, { email: 'one@example.com' })))
  const statuses = responses.map(({ statusCode }) => statusCode).sort()
  assert.deepEqual(statuses, [200, ...Array(7).fill(409)])
})

test('A change of a version that is no longer current is 412, as is a DELETE of it, and nothing is changed', async (t) => {
  const { patch, get, delete: remove, addUser } = await createWorld(t)
  const user = await addUser()
  const { etag } = (await get(user)).headers
  const changes = await Promise.all(
    ['b', 'c', 'd'].map((name) => patch(user, { name }, { 'if-match': etag })),
  )
  assert.deepEqual(changes.map(({ statusCode }) => statusCode).sort(), [200, 412, 412])
  assert.equal((await remove(user, { 'if-match': etag })).statusCode, 412)
  assert.equal((await get(user)).statusCode, 200)
})

const faults: readonly (readonly [number, unknown, Record<string, string>])[] = [
  [400, {}, { body: 'The body must have a name, an email or both.' }],
  [400, { id: 1 }, { body: 'The body must have a name, an email or both.' }],
  [400, { password: 'x' }, { password: 'password is not a field of this request.' }],
  [400, { id: 2, name: 'x' }, { id: 'id must be the one in the path, or be left out.' }],
  [422, { name: '' }, { name: 'name must not be empty.' }],
  [422, { email: 'nobody' }, { email: 'email must be an email address.' }],
  [422, { email: null }, { email: 'email must be a string.' }],
  [
    422,
    { email: `${'\ufdfa'.repeat(200)}@example.com` },
    { email: 'email must be shorter: without regard to case it has too many characters.' },
  ],
]
test('A change with a fault is refused by field, and changes nothing', async (t) => {
  const { patch, get, addUser } = await createWorld(t)
  const user = await addUser()
  for (const [status, body, errors] of faults) {
    const response = await patch(user, body)
    assert.deepEqual([response.statusCode, response.json().errors], [status, errors], JSON.stringify(body))
  }
  assert.deepEqual((await get(user)).json(), { id: 1, name: ada.name, email: ada.email })
})

test('A user who does not exist is 404, whatever the email', async (t) => {
  const { patch, addUser } = await createWorld(t)
  await addUser()
  for (const id of ['2', '0', '-1', 'x'])
    assert.equal((await patch(`/users/${id}`, { email: ada.email })).statusCode, 404)
})

test('A user who lost the email to an older one gets another, or the same once that is free, and logs in again', async (t) => {
  const server = process.env.TEST_DATABASE
  const url = server === undefined ? createFileUrl(t) : freshDatabaseOn(server)
  await migrateDatabase(url, { migrations }, 'up')
  const world = await createWorld(t, { CERTIFICATES_DATABASE_URL: url })
  const emails = ['STRASSE@example.com', 'straße@example.com', 'Straße@example.com']
  const users: string[] = []
  for (const i of emails.keys()) users.push(await world.addUser({ ...ada, email: `${i}@example.com` }))
  await loseEmails(url, emails)
  const login = (email: string) => world.post('/users/login', { email, password: ada.password })
  assert.deepEqual((await login('strasse@example.com')).json(), { id: 1 })
  const [first = '', second = '', third = ''] = users
  assert.equal((await world.patch(second, { name: 'Eve' })).statusCode, 200)
  assert.equal((await world.patch(second, { email: emails[1] })).statusCode, 409)
  assert.equal((await world.patch(second, { email: 'new@example.com' })).statusCode, 200)
  assert.deepEqual((await login('new@example.com')).json(), { id: 2 })
  assert.equal((await world.delete(first)).statusCode, 204)
  assert.equal((await world.patch(third, { email: emails[2] })).statusCode, 200)
  assert.deepEqual((await login('strasse@example.com')).json(), { id: 3 })
})

/** Gives the users these emails as the migration of an earlier version leaves them, when all are the same without case. */
async function loseEmails(url: string, emails: readonly string[]): Promise<void> {
  const database = await openDatabase<CertificatesTables>(url, { migrations })
  for (const [i, email] of emails.entries())
    await database.query
      .updateTable('user')
      .set({ email, email_key: i === 0 ? 'strasse@example.com' : `none:${i + 1}` })
      .where('id', '=', i + 1)
      .execute()
  await database.close()
}
