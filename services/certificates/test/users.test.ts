import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { listen } from '@quintet/chassis/http'
import { createFileUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import bcrypt from 'bcryptjs'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { createPasswords } from '../src/password.ts'
import { ada, createWorld, dataFolder, opaque } from './world.ts'

test('POST /users returns the id only, with a Location, and GET returns the user without the password', async (t) => {
  const { post, get } = await createWorld(t)
  const response = await post('/users', ada)
  assert.equal(response.statusCode, 201)
  assert.deepEqual(response.json(), { id: 1 })
  assert.equal(response.headers.location, '/users/1')
  const found = await get('/users/1')
  assert.equal(found.statusCode, 200)
  assert.deepEqual(found.json(), { id: 1, name: 'Ada', email: 'ada@example.com' })
  assert.equal(found.headers.etag, response.headers.etag)
  assert.equal((await get('/users/1/', { 'if-none-match': found.headers.etag })).statusCode, 304)
})

test('A method that /users/login does not have is 405 with the one that it has, as elsewhere, though /users/{id} matches it', async (t) => {
  const { app } = await createWorld(t)
  for (const url of ['/users/login', '/users/login/', '/users/log%69n', '/users/login?x=y'])
    for (const method of ['GET', 'HEAD', 'DELETE', 'PATCH', 'PUT', 'OPTIONS'] as const) {
      const response = await app.inject({ method, url })
      assert.deepEqual([response.statusCode, response.headers.allow], [405, 'POST'], `${method} ${url}`)
    }
  assert.equal((await app.inject('/users/1')).statusCode, 404)
  assert.equal((await app.inject('/users/logins')).statusCode, 404)
})

test('An email that is taken, in any case, is 409, and does not use up an id', async (t) => {
  const { post, get } = await createWorld(t)
  await post('/users', ada)
  const refused = await post('/users', { ...ada, name: 'Eve', email: 'ADA@Example.com' })
  assert.equal(refused.statusCode, 409)
  assert.deepEqual(refused.json().errors, { email: 'email must be one that no other user has.' })
  assert.equal(refused.json().description, refused.json().detail)
  assert.equal((await get('/users/1')).json().name, 'Ada')
  assert.equal((await get('/users/2')).statusCode, 404)
})

const sameEmails: readonly (readonly [string, string])[] = [
  ['ΟΔΥΣΣΕΥΣ@example.com', 'οδυσσευς@example.com'],
  ['straße@example.com', 'STRASSE@example.com'],
  ['amélie@example.com', 'AME\u0301LIE@example.com'],
  ['ada@example.com', 'ＡＤＡ@example.com'],
]
for (const [one, other] of sameEmails)
  test(`${one} and ${other} are one email`, async (t) => {
    const { post } = await createWorld(t)
    assert.equal((await post('/users', { ...ada, email: one })).statusCode, 201)
    assert.equal((await post('/users', { ...ada, email: other })).statusCode, 409)
    const login = await post('/users/login', { email: other, password: ada.password })
    assert.deepEqual(login.json(), { id: 1 })
  })

test('An email that is too long in the form that is compared is 422, and no user has it', async (t) => {
  const { post } = await createWorld(t)
  const email = `${'\ufdfa'.repeat(200)}@example.com`
  const refused = await post('/users', { ...ada, email })
  assert.equal(refused.statusCode, 422)
  assert.deepEqual(refused.json().errors, {
    email: 'email must be shorter: without regard to case it has too many characters.',
  })
  assert.equal((await post('/users/login', { email, password: 'x' })).statusCode, 401)
})

test('Of users whose emails match since the migration the oldest has the email, and all keep working by id', async (t) => {
  const server = process.env.TEST_DATABASE
  const url = server === undefined ? createFileUrl(t) : freshDatabaseOn(server)
  const settings = { CERTIFICATES_DATABASE_URL: url }
  await migrateDatabase(url, { migrations }, 'up')
  const emails = [
    'STRASSE@example.com',
    'straße@example.com',
    'ß@example.com',
    'ss@example.com',
    'ada@example.com',
  ]
  await insertUsers(url, [...emails, `${'\ufdfa'.repeat(200)}@example.com`])
  for (const name of [
    '0008-add-owner',
    '0007-mark-deleted-users',
    '0006-index-active-certificates',
    '0005-create-cache-control',
    '0004-unquote-alternative-names',
    '0003-fold-email-keys',
  ])
    assert.deepEqual(await migrateDatabase(url, { migrations }, 'down'), [name])
  await migrateDatabase(url, { migrations }, 'up')
  const { post, get, logged } = await createWorld(t, settings)
  for (const [i, email] of emails.entries()) assert.equal((await get(`/users/${i + 1}`)).json().email, email)
  assert.match(logged(), /"users":\[2,4,6\]/)
  assert.equal((await post('/users', { ...ada, email: 'Strasse@example.com' })).statusCode, 409)
  assert.equal((await post('/users', { ...ada, email: 'new@example.com' })).statusCode, 201)
})

test('Of parallel requests for one email one is 201 and the others are 409', async (t) => {
  const { post } = await createWorld(t)
  const responses = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      post('/users', { ...ada, email: i % 2 ? ada.email : 'Ada@EXAMPLE.com' }),
    ),
  )
  const statuses = responses.map(({ statusCode }) => statusCode).sort()
  assert.deepEqual(statuses, [201, ...Array(7).fill(409)])
})

const faults: readonly (readonly [number, unknown, Record<string, string>])[] = [
  [400, {}, { name: 'name is required.', email: 'email is required.', password: 'password is required.' }],
  [
    400,
    { name: 7, email: 'nobody' },
    {
      name: 'name must be a string.',
      email: 'email must be an email address.',
      password: 'password is required.',
    },
  ],
  [400, { ...ada, role: 'admin' }, { role: 'role is not a field of this request.' }],
  [400, [], { body: 'The body must be a JSON object.' }],
  [400, 'text', { body: 'The body must be a JSON object.' }],
  [400, null, { body: 'The body must be a JSON object.' }],
  [
    422,
    { ...ada, name: 7, password: null },
    { name: 'name must be a string.', password: 'password must be a string.' },
  ],
  [
    422,
    { name: '', email: '', password: '' },
    {
      name: 'name must not be empty.',
      email: 'email must not be empty.',
      password: 'password must not be empty.',
    },
  ],
  [422, { ...ada, name: 'x'.repeat(257) }, { name: 'name must have at most 256 characters.' }],
  [422, { ...ada, password: 'x'.repeat(1_025) }, { password: 'password must have at most 1024 characters.' }],
  [422, { ...ada, name: 'a\0b' }, { name: 'name must be well-formed Unicode without the character NUL.' }],
  [
    422,
    { ...ada, password: '\ud800' },
    { password: 'password must be well-formed Unicode without the character NUL.' },
  ],
  [422, { ...ada, email: 'a b@example.com' }, { email: 'email must be an email address.' }],
  [422, { ...ada, email: 'a\u001b@example.com' }, { email: 'email must be an email address.' }],
  [422, { ...ada, email: ['ada@example.com'] }, { email: 'email must be a string.' }],
]
for (const [status, body, errors] of faults)
  test(`POST /users rejects ${JSON.stringify(body).slice(0, 70)} with ${status} and every fault by field, and adds no user`, async (t) => {
    const { post, get } = await createWorld(t)
    const response = await post('/users', body)
    assert.equal(response.statusCode, status)
    assert.deepEqual(response.json().errors, errors)
    assert.equal((await get('/users/1')).statusCode, 404)
  })

test('Text that is not the id of a user is 404 for its certificates', async (t) => {
  const { get, post, addUser } = await createWorld(t)
  await addUser()
  for (const id of ['-1', '0', '01', '1.0', '1e0', 'text', '%00', "1'--", '9'.repeat(20), '9007199254740993'])
    for (const response of [
      await get(`/users/${id}/certificates`),
      await post(`/users/${id}/certificates`, opaque),
    ])
      assert.equal(response.statusCode, 404, id)
})

test('A user is found after being added, although a GET before was 404', async (t) => {
  const { get, addUser } = await createWorld(t)
  assert.equal((await get('/users/1')).statusCode, 404)
  assert.equal(await addUser(), '/users/1')
  assert.equal((await get('/users/1')).statusCode, 200)
})

test('DELETE removes the user with its certificates, and the id is not reused', async (t) => {
  const { get, delete: remove, addUser, addCertificate } = await createWorld(t)
  const certificate = await addCertificate()
  assert.equal((await get('/users/1')).statusCode, 200)
  const removed = await remove('/users/1')
  assert.equal(removed.statusCode, 204)
  assert.equal(removed.body, '')
  for (const url of ['/users/1', '/users/1/certificates', certificate])
    assert.equal((await get(url)).statusCode, 404)
  assert.equal((await remove('/users/1')).statusCode, 404)
  assert.equal(await addUser(), '/users/2')
})

test('POST /users/login returns the id for the right email and password, whatever the case of the email', async (t) => {
  const { post, addUser } = await createWorld(t)
  await addUser()
  const response = await post('/users/login', { email: 'ADA@example.com', password: ada.password })
  assert.equal(response.statusCode, 200)
  assert.deepEqual(response.json(), { id: 1 })
})

test('A legacy hash verifies, is then replaced by argon2id with the recommended costs, and verifies again', async (t) => {
  const file = join(dataFolder(t), 'certificates.db')
  const { post, addUser } = await createWorld(
    t,
    { CERTIFICATES_DATABASE_URL: `sqlite:${file}` },
    { passwords: createPasswords() },
  )
  await addUser()
  const database = new DatabaseSync(file)
  const hashOf = () => String(database.prepare('select password_hash from user').get()?.password_hash)
  const text = createHash('sha256').update('older secret').digest('base64')
  database.prepare('update user set password_hash = ?').run(bcrypt.hashSync(text, 4))
  const login = (password: string) => post('/users/login', { email: ada.email, password })
  assert.equal((await login('wrong')).statusCode, 401)
  assert.match(hashOf(), /^\$2b\$04\$/)
  assert.deepEqual((await login('older secret')).json(), { id: 1 })
  assert.match(hashOf(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.equal((await login('older secret')).statusCode, 200)
  assert.equal((await login('wrong')).statusCode, 401)
  database.close()
})

test('The fast path of GET responds like the framework, and is 404 after the user is deleted', async (t) => {
  const { app, get, delete: remove, addUser } = await createWorld(t)
  const url = `${await listen(app, { host: '127.0.0.1', port: 0 })}/users/1`
  assert.equal((await fetch(url)).status, 404)
  await addUser()
  for (const _ of ['loaded', 'cached']) {
    const fast = await fetch(url)
    const framework = await get('/users/1')
    assert.equal(fast.status, 200)
    assert.equal(fast.headers.get('etag'), framework.headers.etag)
    assert.equal(fast.headers.get('content-type'), framework.headers['content-type'])
    assert.equal(await fast.text(), framework.body)
  }
  assert.equal((await remove('/users/1')).statusCode, 204)
  assert.equal((await fetch(url)).status, 404)
})

test('A wrong password and an unknown email get the same response: 401', async (t) => {
  const { post, addUser } = await createWorld(t)
  await addUser()
  const wrong = await post('/users/login', { email: ada.email, password: 'wrong' })
  const unknown = await post('/users/login', { email: 'eve@example.com', password: 'wrong' })
  for (const response of [wrong, unknown]) {
    assert.equal(response.statusCode, 401)
    assert.equal(response.headers['www-authenticate'], 'Password realm="users"')
  }
  assert.deepEqual({ ...Object(wrong.json()), instance: '' }, { ...Object(unknown.json()), instance: '' })
})

test('POST /users/login rejects an invalid body like POST /users', async (t) => {
  const { post } = await createWorld(t)
  assert.equal((await post('/users/login', { email: ada.email })).statusCode, 400)
  assert.equal((await post('/users/login', { email: ada.email, password: 7 })).statusCode, 422)
})

test('Idempotency-Key: a body that differs in the password only is 422', async (t) => {
  const { post, get } = await createWorld(t)
  const key = { 'idempotency-key': 'k-1' }
  await post('/users', ada, key)
  assert.equal((await post('/users', { ...ada, password: 'another' }, key)).statusCode, 422)
  assert.equal((await get('/users/2')).statusCode, 404)
})

/** With the keys that the version before the migration stored. */
async function insertUsers(url: string, emails: readonly string[]): Promise<void> {
  const database = await openDatabase<CertificatesTables>(url, { migrations })
  for (const email of emails) {
    const user = { name: 'Ada', email, email_key: email.toLowerCase(), password_hash: '', version: 1 }
    await database.query.insertInto('user').values(user).execute()
  }
  await database.close()
}
